#!/usr/bin/env bash
# Runs all tests. GPU tests need a Vulkan driver; a software one will do. Where none is found and this script may, it
# installs one; else it says what to install and the GPU tests are ignored. With REQUIRE_GPU=1 they must run.
# Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."

has_vulkan_driver() {
    [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && return 0
    [ "$(uname -s)" = Darwin ] && return 0 # Metal
    compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null || compgen -G '/etc/vulkan/icd.d/*.json' >/dev/null
}

has_vulkan_loader() {
    [ "$(uname -s)" = Darwin ] && return 0
    ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1'
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

if ! { has_vulkan_driver && has_vulkan_loader; }; then
    if may_install; then
        echo "no Vulkan driver found: installing a software one (mesa-vulkan-drivers)" >&2
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            libvulkan1 mesa-vulkan-drivers >/dev/null
    elif [ "${REQUIRE_GPU:-}" = 1 ]; then
        echo "no Vulkan driver found, but REQUIRE_GPU=1: install libvulkan1 and mesa-vulkan-drivers" >&2
        exit 2
    else
        echo "no Vulkan driver found, so the GPU tests are ignored; to run them install a software one:" >&2
        echo "  Debian, Ubuntu: apt install libvulkan1 mesa-vulkan-drivers    Fedora: dnf install mesa-vulkan-drivers" >&2
    fi
fi

# Without a desktop session, Mesa's device-select layer complains about a missing display at every device it opens.
[ -n "${XDG_RUNTIME_DIR:-}" ] || export NODEVICE_SELECT=1

# Tests leave no compiled pipelines in the user's folder for caches.
export TFJS_WGPU_CACHE_DIR="${TFJS_WGPU_CACHE_DIR-}"

cargo test --locked "$@"

//! The flags of the command for options of the library. Hints of the library name options in parentheses, such as
//! `(Device::Cpu)`, and sizes as `INPUT=SIZE` in backticks. The command appends its flags.

/// An option of the library as named in hints, and its flag.
const FLAGS: &[(&str, &str)] = &[
    ("CompareOptions::alpha", "--alpha"),
    ("CompareOptions::any_model", "--any-model"),
    ("CompareOptions::threshold_percent", "--threshold"),
    ("Device::Cpu", "--device cpu"),
    ("Device::Gpu", "--device gpu"),
    ("LoadOptions::on_bad_id", "--on-bad-id"),
    ("LoadOptions::random_weights", "--random-weights"),
    ("Semantics::TfJs", "--semantics tfjs"),
    (SIZES, SIZE_FLAG),
    ("Sizes::of", "--input FILE"),
    ("SessionOptions::adapter", "--adapter"),
    ("SessionOptions::cpu_threads", "--threads"),
    ("SessionOptions::timeout", "--timeout"),
    ("WeightFormat::F32", "--weight-format f32"),
];

const SIZES: &str = "Sizes";
const SIZE_FLAG: &str = "--dim";

/// A hint of the library, with the flags of the command added.
pub(crate) fn with_flags(hint: &str) -> String {
    let mut text = with_sizes(hint);
    for (option, flag) in FLAGS {
        // Named sizes were already replaced by flags.
        if *option == SIZES && text.contains(SIZE_FLAG) {
            continue;
        }
        text = text.replace(&format!("({option})"), &format!("({flag}, {option})"));
    }
    text
}

/// Replaces each size in backticks by its flag.
fn with_sizes(hint: &str) -> String {
    let mut parts = hint.split('`');
    let mut text = parts.next().unwrap_or_default().to_string();
    // The text between two backticks, and the text after the second.
    while let Some(quoted) = parts.next() {
        let rest = parts.next();
        match rest {
            Some(_) if quoted.ends_with("=SIZE") => text.push_str(&format!("{SIZE_FLAG} {quoted}")),
            Some(_) => text.push_str(&format!("`{quoted}`")),
            None => text.push_str(&format!("`{quoted}")),
        }
        text.push_str(rest.unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use clap::CommandFactory;
    use std::path::Path;

    #[test]
    fn flags_stand_beside_the_options() {
        let said = |hint: &str| with_flags(hint);
        assert_eq!(said("run on the CPU (Device::Cpu)"), "run on the CPU (--device cpu, Device::Cpu)");
        assert_eq!(said("load it without sizes (Sizes)"), "load it without sizes (--dim, Sizes)");
        assert_eq!(
            said("give `a=SIZE` `b:1=SIZE` (Sizes), or inputs that have the size (Sizes::of)"),
            "give --dim a=SIZE --dim b:1=SIZE (Sizes), or inputs that have the size (--input FILE, Sizes::of)"
        );
        for unchanged in ["write `[1]` or `[2]`", "an odd ` mark", "a (Device) of another kind", ""] {
            assert_eq!(said(unchanged), unchanged);
        }
    }

    #[test]
    fn the_command_has_every_flag() {
        let command = Cli::command();
        let verbs: Vec<_> = command.get_subcommands().flat_map(clap::Command::get_arguments).collect();
        for (_, flag) in FLAGS {
            let mut words = flag.split(' ');
            let name = words.next().and_then(|word| word.strip_prefix("--")).expect("a flag");
            let mut arguments = verbs.iter().filter(|argument| argument.get_long() == Some(name));
            let argument = arguments.next().unwrap_or_else(|| panic!("{flag}"));
            let values: Vec<_> = argument.get_possible_values().iter().map(|value| value.get_name().into()).collect();
            let is_value = |word: &str| values.is_empty() || values.contains(&word.to_string());
            assert!(words.all(is_value), "{flag} is none of {values:?}");
        }
    }

    #[test]
    fn hints_of_the_library_name_every_option() {
        let mut text = String::new();
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
        for (option, _) in FLAGS {
            assert!(text.contains(&format!("({option})")), "no hint names ({option})");
        }
    }

    /// Appends the library's source code.
    fn read(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder of the source") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("src/cli") {
                read(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(&path).expect("source"));
            }
        }
    }
}

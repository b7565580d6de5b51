//! A shader as naga sees it.

use naga::proc::Layouter;
use naga::valid::{Capabilities, GlobalUse, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, GlobalVariable, StorageAccess, TypeInner};
use tfjs_wgpu::internals::kernel::Shader;
use tfjs_wgpu::internals::ops;

/// A parsed and validated shader.
pub(crate) struct Module {
    pub(crate) shader: &'static Shader,
    pub(crate) naga: naga::Module,
    info: ModuleInfo,
    layouter: Layouter,
}

/// A buffer that an entry point uses.
pub(crate) struct Buffer {
    pub(crate) binding: u32,
    pub(crate) is_storage: bool,
    pub(crate) is_declared_writable: bool,
    pub(crate) is_written: bool,
}

/// All shaders of all operators.
pub(crate) fn modules() -> Vec<Module> {
    ops::shaders().map(Module::parse).collect()
}

impl Module {
    fn parse(shader: &'static Shader) -> Module {
        let text = shader.text();
        let naga = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|error| panic!("{}.wgsl: {}", shader.name, error.emit_to_string(&text)));
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&naga)
            .unwrap_or_else(|error| panic!("{}.wgsl: {}", shader.name, error.emit_to_string(&text)));
        let mut layouter = Layouter::default();
        layouter.update(naga.to_ctx()).expect("a layout");
        Module { shader, naga, info, layouter }
    }

    fn size(&self, variable: &GlobalVariable) -> u32 {
        self.layouter[variable.ty].size
    }

    /// The global variables that an entry point uses, and how.
    fn globals(&self, entry_point: usize) -> impl Iterator<Item = (&GlobalVariable, GlobalUse)> {
        let info = self.info.get_entry_point(entry_point);
        let used = self.naga.global_variables.iter().map(move |(handle, variable)| (variable, info[handle]));
        used.filter(|(_, usage)| !usage.is_empty())
    }

    /// The position of the entry point called `name`.
    pub(crate) fn entry_point(&self, name: &str) -> Option<usize> {
        self.naga.entry_points.iter().position(|entry_point| entry_point.name == name)
    }

    /// The buffers that an entry point uses, by binding.
    pub(crate) fn buffers(&self, entry_point: usize) -> Vec<Buffer> {
        let buffer = |(variable, usage): (&GlobalVariable, GlobalUse)| {
            let binding = variable.binding.as_ref()?;
            assert_eq!(binding.group, 0, "{}.wgsl: everything is in group 0", self.shader.name);
            let access = match variable.space {
                AddressSpace::Storage { access } => Some(access),
                _ => None,
            };
            Some(Buffer {
                binding: binding.binding,
                is_storage: access.is_some(),
                is_declared_writable: access.is_some_and(|access| access.contains(StorageAccess::STORE)),
                is_written: usage.contains(GlobalUse::WRITE),
            })
        };
        let mut buffers: Vec<Buffer> = self.globals(entry_point).filter_map(buffer).collect();
        buffers.sort_by_key(|buffer| buffer.binding);
        buffers
    }

    /// The bytes of workgroup memory that an entry point uses.
    pub(crate) fn workgroup_bytes(&self, entry_point: usize) -> u32 {
        let shared = self.globals(entry_point).filter(|(variable, _)| variable.space == AddressSpace::WorkGroup);
        shared.map(|(variable, _)| self.size(variable)).sum()
    }

    /// Name, offset and size of each field of the struct at binding 0, and the size of the struct.
    pub(crate) fn params(&self) -> (Vec<(String, usize, usize)>, usize) {
        let uniform = |variable: &&GlobalVariable| variable.space == AddressSpace::Uniform;
        let mut uniforms = self.naga.global_variables.iter().map(|(_, variable)| variable).filter(uniform);
        let (Some(params), None) = (uniforms.next(), uniforms.next()) else {
            panic!("{}.wgsl: there is not exactly one uniform buffer", self.shader.name);
        };
        let ty = &self.naga.types[params.ty];
        let TypeInner::Struct { members, span } = &ty.inner else {
            panic!("{}.wgsl: the uniform buffer is not a struct", self.shader.name);
        };
        assert_eq!(ty.name.as_deref(), Some("Params"), "{}.wgsl", self.shader.name);
        let field = |member: &naga::StructMember| {
            let name = member.name.clone().expect("a named field");
            (name, member.offset as usize, self.layouter[member.ty].size as usize)
        };
        (members.iter().map(field).collect(), *span as usize)
    }
}

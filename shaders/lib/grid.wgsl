// Grids with more workgroups than one dimension takes are folded into rows; these unfold them.

fn workgroup_index(workgroup: vec3<u32>, workgroups: vec3<u32>) -> u32 {
    return workgroup.y * workgroups.x + workgroup.x;
}

fn invocation_index(workgroup: vec3<u32>, workgroups: vec3<u32>, lane: u32) -> u32 {
    return workgroup_index(workgroup, workgroups) * 64u + lane;
}

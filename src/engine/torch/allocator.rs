//! Makes glibc keep freed memory instead of giving it back to the kernel after every operator.

/// Raises malloc's thresholds so that an operator's output reuses the pages of a freed one.
///
/// libtorch allocates every output anew. With glibc's defaults outputs above 128 KiB are mapped and unmapped each
/// time, and the page faults cost more than many operators do: `MobileNetV2` ran 1.14x its plain time with values
/// dropped at their last use and default thresholds, 0.98x with these. One arena, because values are made on one
/// thread and freed on another.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // The largest threshold that glibc accepts on 64-bit (HEAP_MAX_SIZE / 2).
        const MMAP_THRESHOLD_BYTES: libc::c_int = 32 << 20;
        const TRIM_THRESHOLD_BYTES: libc::c_int = libc::c_int::MAX;
        const TOP_PAD_BYTES: libc::c_int = 64 << 20;
        #[expect(
            unsafe_code,
            reason = "mallopt only sets thresholds of the allocator that tensors live in; it has no safe binding"
        )]
        // SAFETY: mallopt takes two integers, touches no memory of ours, and may be called at any time.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES);
            libc::mallopt(libc::M_TOP_PAD, TOP_PAD_BYTES);
            libc::mallopt(libc::M_ARENA_MAX, 1);
        }
    }
}

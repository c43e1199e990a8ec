//! Detection of the processor's instructions for ciphers.

/// Returns whether the processor has instructions for both AES and SHA-256.
///
/// Detected at run time on x86, x86-64 and AArch64; `false` elsewhere, WebAssembly included.
pub fn has_aes_and_sha() -> bool {
    detected()
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn detected() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("sha")
}

#[cfg(target_arch = "aarch64")]
fn detected() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("sha2")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
fn detected() -> bool {
    false
}

//! One of the programs that are fuzzed: [`simp_fuzz::datagram`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| simp_fuzz::datagram::run(input));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    simp_fuzz::replay(simp_fuzz::datagram::run)
}

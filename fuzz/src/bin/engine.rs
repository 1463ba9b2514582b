//! One of the programs that are fuzzed: [`simp_fuzz::engine`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| simp_fuzz::engine::run(input));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    simp_fuzz::replay(simp_fuzz::engine::run)
}

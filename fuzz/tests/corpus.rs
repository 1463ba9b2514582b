//! Each input of the corpus breaks nothing, without any fuzzing.

use std::fs;
use std::path::Path;

/// What runs an input.
type Target = fn(&[u8]);

/// Each with the folder of its inputs.
const TARGETS: [(&str, Target); 4] = [
    ("datagram", simp_fuzz::datagram::run),
    ("frame", simp_fuzz::frame::run),
    ("chat", simp_fuzz::chat::run),
    ("engine", simp_fuzz::engine::run),
];

#[test]
fn no_input_of_the_corpus_breaks_anything() {
    for (name, target) in TARGETS {
        let inputs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)).unwrap();
        let mut count = 0;
        for input in inputs {
            let path = input.unwrap().path();
            println!("replay with: cargo run -p simp-fuzz --bin {name} -- {}", path.display());
            target(&fs::read(path).unwrap());
            count += 1;
        }
        assert!(count > 0, "{name} has no corpus");
    }
}

//! Whatever comes on the control socket is a request or an error.

use simp_control::Request;
use simp_control::frame::FrameBuffer;
use simp_seeds::{Random, Replay, seeds};

#[test]
fn random_bytes_are_never_more_than_an_error() {
    for seed in seeds(300) {
        let _replay = Replay { package: "simp-control", test: "random_bytes", seed };
        let mut random = Random(seed);
        let mut buffer = FrameBuffer::default();
        for _ in 0..50 {
            let bytes = random.bytes(40);
            if random.percent(80) {
                buffer.push(&(bytes.len() as u32).to_be_bytes());
            }
            buffer.push(&bytes);
            for _ in 0..3 {
                if buffer.take::<Request>().is_err() {
                    buffer = FrameBuffer::default();
                }
            }
        }
    }
}

//! A simpd that says exactly what the test says.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use simp_control::{Answer, Epochs, FrameStream, Reply, Request, VERSION};

use super::DEADLINE;

/// A simpd that gives each of its clients in turn these answers: for each a list of what it says after each
/// request. After the last it hangs up. What it was asked, by client, comes when all have been served.
pub fn scripted(path: &Path, clients: Vec<Vec<Vec<Answer>>>) -> Receiver<Vec<Vec<Request>>> {
    let listener = UnixListener::bind(path).unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let serve = |answers: Vec<Vec<Answer>>| {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            let mut client = FrameStream::new(stream);
            answers.into_iter().map(|answers| serve_one(&mut client, &answers)).collect()
        };
        let asked = clients.into_iter().map(serve).collect();
        sender.send(asked).unwrap();
    });
    receiver
}

fn serve_one(client: &mut FrameStream, answers: &[Answer]) -> Request {
    let request = client.receive().unwrap().expect("simpctl hung up, and was to ask");
    answers.iter().for_each(|answer| client.write(answer).unwrap());
    request
}

/// What it says to a hello.
pub fn hello() -> Vec<Answer> {
    hello_with(&[])
}

/// The same of one that can do this besides.
pub fn hello_with(features: &[&str]) -> Vec<Answer> {
    let (program, address) = (env!("CARGO_PKG_VERSION").to_owned(), "127.0.0.1:7777".to_owned());
    vec![Answer::Reply(Reply::Hello {
        version: VERSION,
        minor: 0,
        program,
        address,
        user: "alice".to_owned(),
        log: None,
        epochs: Epochs::default(),
        key: None,
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
    })]
}

/// What a scripted simpd was asked, by client.
pub fn asked(receiver: &Receiver<Vec<Vec<Request>>>) -> Vec<Vec<Request>> {
    receiver.recv_timeout(DEADLINE).unwrap()
}

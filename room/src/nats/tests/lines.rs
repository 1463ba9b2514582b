//! What the operator reads if there is something wrong with the server, or the way there.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::server::{DoorUnderTest, Server, new_address, skipped};
use crate::nats::NatsOptions;

/// Why a door does not start with these options.
fn line(options: &NatsOptions) -> String {
    DoorUnderTest::try_start(options, ("id", "run"), true).err().unwrap()
}

fn at(url: &str) -> NatsOptions {
    NatsOptions::new(url, (None, None), None, Some("north".to_owned())).unwrap()
}

/// Somebody who says this to whoever connects, and this to what they say then.
fn pretender(greeting: &'static str, answer: &'static str) -> String {
    let address = new_address();
    let listener = TcpListener::bind(&address).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.write_all(greeting.as_bytes());
            if !answer.is_empty() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut said = String::new();
                while !said.contains("PING") && reader.read_line(&mut said).is_ok_and(|length| length > 0) {}
                let _ = stream.write_all(answer.as_bytes());
                // Until it has been read.
                let _ = reader.read(&mut [0]);
            }
        }
    });
    address
}

#[test]
fn who_is_not_there_or_is_no_server() {
    let address = new_address();
    let none = format!("no nats-server at {address} (start it there, with JetStream)");
    assert_eq!(line(&at(&address)), none);
    assert_eq!(line(&at(&format!("nats://ann:secret@{address}"))), none);
    let other = new_address();
    assert_eq!(line(&at(&format!("{other},{address}"))), none, "the last one is named");
    assert_eq!(line(&at("nats.invalid")), "nats.invalid:4222: no such host (see --nats)");
    for greeting in ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "PONG\r\n", "INFO {\r\n"] {
        let address = pretender(greeting, "");
        assert_eq!(line(&at(&address)), format!("what listens at {address} is no nats-server (see --nats)"));
    }
}

#[test]
fn a_server_that_is_too_old_or_full() {
    let old =
        pretender("INFO {\"version\":\"2.8.4\",\"headers\":true,\"max_payload\":1048576}\r\n", "PONG\r\n");
    assert_eq!(line(&at(&old)), format!("nats-server 2.8.4 at {old} is too old (2.9 or newer is needed)"));
    let full = pretender("INFO {\"version\":\"2.9.4\"}\r\n", "-ERR 'maximum connections exceeded'\r\n");
    assert_eq!(line(&at(&full)), format!("nats-server at {full} says: maximum connections exceeded"));
}

#[test]
fn who_the_server_does_not_know() {
    let Some(server) = Server::new("authorization { user: \"ann b\", password: \"se@cret\" }") else {
        return;
    };
    let address = &server.address;
    assert_eq!(
        line(&at(address)),
        format!(
            "nats-server at {address} lets in only users that it knows (--nats-creds FILE, or nats://USER:PASSWORD@HOST, or nats://TOKEN@HOST)"
        )
    );
    assert_eq!(
        line(&at(&format!("nats://ann:wrong@{address}"))),
        format!("nats-server at {address} does not let ann in (see --nats and --nats-creds)")
    );
    assert_eq!(
        line(&at(&format!("nats://token@{address}"))),
        format!("nats-server at {address} does not let this token in (see --nats and --nats-creds)")
    );
    DoorUnderTest::start(&at(&format!("nats://ann%20b:se%40cret@{address}"))).began();
}

/// A claim, signed by the one who vouches for it.
fn claim(issuer: &KeyPair, subject: &KeyPair, nats: &Value) -> String {
    let encoded = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let (of, by) = (subject.public_key(), issuer.public_key());
    let claims = json!({ "jti": of, "iat": 1, "iss": by, "name": "n", "sub": of, "nats": nats });
    let claims = format!("{}.{}", encoded(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), encoded(&claims));
    let signature = issuer.sign(claims.as_bytes()).unwrap();
    format!("{claims}.{}", Base64UrlUnpadded::encode_string(&signature))
}

#[test]
fn who_has_credentials_gets_in() {
    let (operator, system) = (KeyPair::new_operator(), KeyPair::new_account());
    let (account, user) = (KeyPair::new_account(), KeyPair::new_user());
    let all = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let no_storage = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
    });
    let account_of = |account: &KeyPair, limits: &Value| {
        let claim = claim(&operator, account, &json!({ "limits": limits, "type": "account", "version": 2 }));
        format!("{}: {claim}", account.public_key())
    };
    let accounts = [account_of(&system, &no_storage), account_of(&account, &all)];
    let configuration = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {} }}",
        claim(&operator, &operator, &json!({ "type": "operator", "version": 2 })),
        system.public_key(),
        accounts.join("\n")
    );
    let Some(server) = Server::new(&configuration) else { return };
    let address = &server.address;
    let file = server.path("creds");
    let options =
        NatsOptions::new(address, (Some(file.to_str().unwrap()), None), None, Some("north".to_owned()))
            .unwrap();
    let write = |issuer: &KeyPair| {
        let limits = json!({ "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2 });
        let (claim, seed) = (claim(issuer, &user, &limits), user.seed().unwrap());
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{claim}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        std::fs::write(&file, text).unwrap();
    };
    write(&account);
    DoorUnderTest::start(&options).began();
    // Nobody here knows who vouches for it.
    write(&KeyPair::new_account());
    assert_eq!(
        line(&options),
        format!("nats-server at {address} does not let these credentials in (see --nats and --nats-creds)")
    );
}

#[test]
fn a_file_that_says_nothing() {
    let Some(server) = Server::new("") else { return };
    let file = server.path("file");
    let name = file.to_str().unwrap();
    let with = |creds: bool| {
        let files = if creds { (Some(name), None) } else { (None, Some(name)) };
        line(&NatsOptions::new(&server.address, files, None, None).unwrap())
    };
    assert_eq!(with(true), format!("{name}: no such file or directory (the file for --nats-creds)"));
    assert_eq!(with(false), format!("{name}: no such file or directory (the file for --nats-ca)"));
    std::fs::write(&file, b"-----BEGIN\xFF").unwrap();
    assert_eq!(with(true), format!("{name}: not UTF-8 text (the file for --nats-creds)"));
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
    assert_eq!(
        with(true),
        format!(
            "{name}: neither credentials such as nsc generate creds makes nor a line USER:PASSWORD or TOKEN in it (the file for --nats-creds)"
        )
    );
    assert_eq!(
        with(false),
        format!("{name}: no certificate in it, in the form PEM (the file for --nats-ca)")
    );
}

#[test]
fn jetstream_that_is_not_there_or_has_no_room() {
    let Some(none) = Server::with("") else { return };
    let address = &none.address;
    let lacks = |address: &str| {
        format!(
            "nats-server at {address} has no JetStream for this user (start it with -js, and enable it for the account)"
        )
    };
    assert_eq!(line(&at(address)), lacks(address));
    let accounts = "accounts { A: { users: [{ user: ann, password: b }] }, J: { jetstream: enabled } }";
    let other = Server::new(accounts).unwrap();
    let address = &other.address;
    assert_eq!(line(&at(&format!("nats://ann:b@{address}"))), lacks(address));
    let small = Server::with("jetstream { store_dir: FOLDER, max_file_store: 100MB }").unwrap();
    let address = &small.address;
    assert_eq!(
        line(&at(address)),
        format!("nats-server at {address} has no room for 256 MiB of posts (raise its max_file_store)")
    );
    let options = NatsOptions { replicas: Some(3), ..none.options("north") };
    let one = Server::new("").unwrap();
    let address = &one.address;
    let options = NatsOptions { servers: vec![address.clone()], ..options };
    assert_eq!(
        line(&options),
        format!(
            "--replicas 3 needs as many nats-servers with JetStream in one cluster; that of {address} has fewer"
        )
    );
}

#[test]
fn certificates() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let script = r#"set -e; cd "$1"
        key() { openssl ecparam -genkey -name prime256v1 -noout -out "$1.key"; }
        key ca; openssl req -x509 -new -key ca.key -days 2 -subj /CN=ca -out ca.pem
        key server; openssl req -new -key server.key -subj /CN=server -out server.csr
        echo "subjectAltName=$2" >server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $3 -extfile server.ext -out server.pem"#;
    let made = |names: &str, days: &str| {
        let mut openssl = Command::new("sh");
        openssl.args(["-c", script, "sh", folder.path().to_str().unwrap(), names, days]);
        openssl.output().is_ok_and(|output| output.status.success())
    };
    let host = new_address();
    let host = host.split(':').next().unwrap();
    if !made(&format!("IP:{host}"), "2") {
        return skipped("openssl is not installed");
    }
    let tls = format!("tls {{ cert_file: {:?}, key_file: {:?} }}", path("server.pem"), path("server.key"));
    let Some(mut server) = Server::new(&tls) else { return };
    let address = server.address.clone();
    let with = |scheme: &str, ca: Option<&str>| {
        NatsOptions::new(&format!("{scheme}://{address}"), (None, ca), None, Some("north".to_owned()))
            .unwrap()
    };
    let ca = path("ca.pem");
    assert_eq!(
        line(&with("nats", None)),
        format!(
            "nats-server at {address}: its certificate is of an unknown authority (name it: --nats-ca FILE)"
        )
    );
    DoorUnderTest::start(&with("nats", Some(&ca))).began();
    DoorUnderTest::start(&with("tls", Some(&ca))).began();
    server.kill();
    assert!(made("DNS:elsewhere", "2"));
    server.launch();
    assert_eq!(
        line(&with("nats", Some(&path("ca.pem")))),
        format!(
            "nats-server at {address}: its certificate is for another name (name it in --nats as the certificate does)"
        )
    );
    server.kill();
    assert!(made(&format!("IP:{host}"), "-1"));
    server.launch();
    assert_eq!(
        line(&with("nats", Some(&ca))),
        format!("nats-server at {address}: its certificate has expired (renew it)")
    );
    server.kill();
    std::fs::copy(&ca, path("server.pem")).unwrap();
    std::fs::copy(path("ca.key"), path("server.key")).unwrap();
    server.launch();
    assert_eq!(
        line(&with("nats", Some(&ca))),
        format!(
            "nats-server at {address}: its certificate is an authority's own (have it sign one for the server)"
        )
    );
    let open = Server::new("").unwrap();
    let address = &open.address;
    let plain = NatsOptions::new(&format!("tls://{address}"), (None, None), None, None).unwrap();
    let line_of_plain = format!(
        "nats-server at {address}: it does not speak TLS (nats:// in place of tls://, and no --nats-ca)"
    );
    assert_eq!(line(&plain), line_of_plain);
    let with_ca = NatsOptions::new(address, (None, Some(&ca)), None, None).unwrap();
    assert_eq!(line(&with_ca), line_of_plain);
}

#[test]
fn what_permissions_forbid() {
    let allowed = |publish: &[&str], subscribe: &str| {
        let publish: Vec<_> = publish.iter().map(|subject| format!("{subject:?}")).collect();
        format!(
            "authorization {{ users: [{{ user: ann, password: b, permissions: {{ publish: [{}], subscribe: [{subscribe:?}] }} }}] }}",
            publish.join(", ")
        )
    };
    let all = ["$JS.API.>", "$JS.ACK.>", "simp.room.lobby.>", "$KV.SIMP_lobby.>"];
    let refused = [
        (&all[1..], "_INBOX.>", "publish to $JS.API.STREAM.MSG.GET.KV_SIMP_lobby"),
        (&[all[0], all[2], all[3]], "_INBOX.>", "publish to $JS.ACK.SIMP_lobby.door-north.1.1.1.1.0"),
        (&[all[0], all[1], all[3]], "_INBOX.>", "publish to simp.room.lobby.public"),
        (&all[..3], "_INBOX.>", "publish to $KV.SIMP_lobby.door.north"),
        (&all, "simp.>", "subscribe to _INBOX."),
    ];
    for (publish, subscribe, what) in refused {
        let Some(server) = Server::new(&allowed(publish, subscribe)) else { return };
        let address = &server.address;
        let said = line(&at(&format!("nats://ann:b@{address}")));
        let begins = format!("nats-server at {address}: this user may not {what}");
        assert!(said.starts_with(&begins) && said.ends_with(" (allow it that user)"), "{said}");
    }
    let Some(server) = Server::new(&allowed(&all, "_INBOX.>")) else { return };
    let door = DoorUnderTest::start(&at(&format!("nats://ann:b@{}", server.address)));
    door.began();
    door.follow(0, 0);
    door.publish(1);
    assert_eq!(door.posts(1).len(), 1, "nothing more is needed");
}

#[test]
fn a_stream_of_that_name_that_is_none_of_a_room() {
    let Some(server) = Server::new("") else { return };
    let address = &server.address;
    let mut stranger = server.stranger();
    let none = |what: &str, name: &str, how: &str| {
        format!(
            "the {what} {name} on nats-server at {address} is none of a room: its {how} (give the room another name, or \
             remove that with: nats stream rm {name})"
        )
    };
    let ours = r#""name":"SIMP_lobby","subjects":["simp.room.lobby.>"],"discard":"new","storage":"file""#;
    for (other, how) in [
        (
            r#""name":"SIMP_lobby","subjects":["x"]"#.to_owned(),
            "list of subjects is x, not simp.room.lobby.>",
        ),
        (format!(r#"{ours},"retention":"workqueue""#), "retention is workqueue, not limits"),
        (ours.replace("file", "memory"), "storage is memory, not file"),
        (ours.replace("new", "old"), "discard policy is old, not new"),
        (format!(r#"{ours},"max_msgs":9"#), "limit of messages is 9, not none"),
        (format!(r#"{ours},"max_msgs_per_subject":9"#), "limit of messages of a subject is 9, not none"),
        (format!(r#"{ours},"max_age":9000000000"#), "limit of age is 9 s, not 0 s"),
    ] {
        stranger.ask("$JS.API.STREAM.CREATE.SIMP_lobby", &format!("{{{other}}}"));
        assert_eq!(line(&at(address)), none("stream", "SIMP_lobby", how));
        stranger.ask("$JS.API.STREAM.DELETE.SIMP_lobby", "");
    }
    stranger.ask("$JS.API.STREAM.CREATE.x", r#"{"name":"x","subjects":["simp.>"]}"#);
    assert_eq!(
        line(&at(address)),
        format!(
            "another stream on nats-server at {address} takes simp.room.lobby.> (remove it, or give the room another name)"
        )
    );
    stranger.ask("$JS.API.STREAM.DELETE.x", "");
    let bucket = r#"{"name":"KV_SIMP_lobby","subjects":["$KV.SIMP_lobby.>"],"discard":"new"}"#;
    stranger.ask("$JS.API.STREAM.CREATE.KV_SIMP_lobby", bucket);
    let how = "limit of messages of a subject is none, not 1";
    assert_eq!(line(&at(address)), none("bucket", "KV_SIMP_lobby", how));
    stranger.ask("$JS.API.STREAM.DELETE.KV_SIMP_lobby", "");
    // Whoever wants more posts to be kept gives the stream another limit.
    let larger = format!("{{{ours},\"deny_delete\":true,\"max_bytes\":1000000000}}");
    stranger.ask("$JS.API.STREAM.UPDATE.SIMP_lobby", &larger);
    assert_eq!(DoorUnderTest::start(&at(address)).began().max_bytes, 1_000_000_000);
    let three = NatsOptions { replicas: Some(3), ..at(address) };
    let few = "--replicas 3 needs as many nats-servers with JetStream in one cluster; that of";
    assert_eq!(line(&three), format!("{few} {address} has fewer"));
}

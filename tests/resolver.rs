//! Which hosts simpctl knows: the ordinary one, which asks as nsswitch.conf(5) says, and the one that is linked statically with
//! musl, which knows files and DNS by itself and asks getent(1) for others. What they say is the same.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::harness::{DEADLINE, Names, Ran, World, run, skipped};

/// Where the static one is.
const STATIC: &str = "SIMP_STATIC_SIMPCTL";

fn static_simpctl(test: &str) -> Option<String> {
    let path = std::env::var(STATIC).ok().filter(|path| Path::new(path).exists());
    if path.is_none() {
        skipped(test, &format!("{STATIC} names no static simpctl (sh contrib/static/build.sh)"));
    }
    path
}

/// Runs that simpctl, with these programs before those of the system.
fn ctl(names: &Names<'_>, simpctl: &str, programs: &str, args: &[&str]) -> Ran {
    let mut command = names.inside(simpctl);
    command.env("PATH", format!("{programs}:{}", std::env::var("PATH").unwrap()));
    command.args(["-d", &names.world.address(1)]).args(args);
    run(command, "")
}

/// A DNS server that knows these names, no others, and cannot say anything about `broken.example` and names in `.local`.
fn dns(address: &str, known: &'static [(&str, &[&str])]) {
    let socket = UdpSocket::bind((address, 53)).unwrap();
    // It ends with the test's process, and before that with the test.
    socket.set_read_timeout(Some(2 * DEADLINE)).unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            socket.send_to(&answer(&query[..length], known), from).unwrap();
        }
    });
}

/// RFC 1035, 4.1: a header, the question, and the answers, whose name is that of the question.
fn answer(query: &[u8], known: &[(&str, &[&str])]) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8(query[at + 1..end].to_vec()).unwrap());
        at = end;
    }
    let (name, kind, end) = (labels.join("."), query[at + 2], at + 5);
    let is_name = |(of, _): &&(&str, &[&str])| of.eq_ignore_ascii_case(&name);
    let addresses = known.iter().find(is_name).map(|(_, addresses)| *addresses);
    let status = match addresses {
        Some(_) => 0,
        None if name == "broken.example" || name.ends_with(".local") => 2,
        None => 3,
    };
    let wanted: Vec<IpAddr> = addresses.unwrap_or_default().iter().map(|ip| ip.parse().unwrap()).collect();
    let (mut answers, mut count) = (Vec::new(), 0);
    for ip in wanted {
        let (of, bytes) = match ip {
            IpAddr::V4(ip) => (1, ip.octets().to_vec()),
            IpAddr::V6(ip) => (28, ip.octets().to_vec()),
        };
        if of == kind {
            count += 1;
            answers.extend([0xc0, 12, 0, of, 0, 1, 0, 0, 0, 60, 0, bytes.len() as u8]);
            answers.extend(bytes);
        }
    }
    let header = [query[0], query[1], 0x85, 0x80 | status, 0, 1, 0, count, 0, 0, 0, 0];
    [&header, &query[12..end], &answers].concat()
}

fn nobody(at: &str) -> String {
    format!("simpctl: {at}: nobody listens there (is simpd running on that host?)")
}

/// What either simpctl has to say of the hosts that files and DNS know.
fn knows_files_and_dns(world: &World, names: &Names<'_>, simpctl: &str) {
    let connect = |host: &str| ctl(names, simpctl, "/nowhere", &["connect", host]);
    let at = |host: u8| format!("{}:9", world.address(host));
    names.write("hosts", &format!("{} nas.example nas\n::1 six.example\n", world.address(2)));
    let six = "simpctl: [::1]:9: this simpd speaks IPv4 only (start one on an IPv6 address)";
    for (host, status, line) in [
        ("nas.example:9", 1, nobody(&at(2))),
        ("NAS.Example.:9", 1, nobody(&at(2))),
        ("nas:9", 1, nobody(&at(2))),
        ("dns.example:9", 1, nobody("127.0.0.77:9")),
        ("dns:9", 1, nobody("127.0.0.77:9")),
        ("both.example:9", 1, nobody("127.0.0.78:9")),
        ("six.example:9", 1, six.to_owned()),
        ("none.example:9", 7, "simpctl: none.example: unknown host".to_owned()),
        ("empty.example", 7, "simpctl: empty.example: unknown host".to_owned()),
        ("none", 7, "simpctl: none: neither a known peer nor a known host".to_owned()),
        (
            "broken.example",
            7,
            "simpctl: broken.example: its name cannot be looked up now (does DNS work here?)".to_owned(),
        ),
    ] {
        connect(host).fails(status, &line);
    }
}

/// All that a test here needs, and its daemon.
fn with_names(test: &str, check: impl Fn(&World, &Names<'_>)) {
    let world = World::new();
    let Some(names) = Names::new(test, &world, &[&world.address(53)]) else { return };
    let settings = "search example\noptions timeout:1 attempts:1";
    names.write("resolv.conf", &format!("nameserver {}\n{settings}\n", world.address(53)));
    dns(
        &world.address(53),
        &[
            ("dns.example", &["127.0.0.77"]),
            ("both.example", &["::1", "127.0.0.78", "127.0.0.79"]),
            ("empty.example", &[]),
        ],
    );
    let _alice = world.start(1, &["--user", "alice"]);
    check(&world, &names);
}

#[test]
fn hosts_are_found_in_files_and_in_dns() {
    with_names("hosts_are_found_in_files_and_in_dns", |world, names| {
        knows_files_and_dns(world, names, "simpctl");
    });
}

#[test]
fn a_static_simpctl_finds_hosts_as_any_other() {
    let test = "a_static_simpctl_finds_hosts_as_any_other";
    let Some(simpctl) = static_simpctl(test) else { return };
    with_names(test, |world, names| knows_files_and_dns(world, names, &simpctl));
}

#[test]
fn a_static_simpctl_asks_getent_for_what_files_and_dns_do_not_know() {
    let test = "a_static_simpctl_asks_getent_for_what_files_and_dns_do_not_know";
    let Some(simpctl) = static_simpctl(test) else { return };
    with_names(test, |world, names| {
        let (programs, asked) = (world.path("programs"), world.path("asked"));
        fs::create_dir(&programs).unwrap();
        let mut getent = fs::File::create(programs.join("getent")).unwrap();
        let script = "#!/bin/sh\necho \"$*\" >>\"${0%/*}/../asked\"\n\
            case $3 in nas.local | ldap.example) echo \"127.0.0.99  STREAM $3\" ;; *) exit 2 ;; esac\n";
        getent.write_all(script.as_bytes()).unwrap();
        getent.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
        drop(getent);
        let connect = |host: &str| ctl(names, &simpctl, programs.to_str().unwrap(), &["connect", host]);
        for host in ["127.0.0.77:9", "dns.example:9"] {
            connect(host).fails(1, &nobody("127.0.0.77:9"));
        }
        connect("broken.example:9")
            .fails(7, "simpctl: broken.example: its name cannot be looked up now (does DNS work here?)");
        assert!(!asked.exists(), "{:?}", fs::read_to_string(&asked));
        for host in ["nas.local:9", "ldap.example:9"] {
            connect(host).fails(1, &nobody("127.0.0.99:9"));
        }
        connect("none.example").fails(7, "simpctl: none.example: unknown host");
        let said = fs::read_to_string(&asked).unwrap();
        let said: Vec<&str> = said.lines().collect();
        assert_eq!(
            said,
            ["nas.local", "ldap.example", "none.example"].map(|host| format!("ahosts -- {host}"))
        );
    });
}

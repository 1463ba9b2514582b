use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

#[test]
fn a_key_is_made_once_and_only_we_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let id = Identity::load(&path).unwrap().id();
    assert_eq!(Identity::load(&path).unwrap().id(), id);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_ne!(Identity::load(&folder.path().join("other.pem")).unwrap().id(), id);
}

/// RFC 8410 10: what another program has written.
#[test]
fn the_key_of_the_standard_is_known_by_its_name() {
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let identity = Identity::from_pem(PEM.as_bytes()).unwrap();
    assert_eq!(identity.public(), Base64::decode_vec(PUBLIC).unwrap());
    let seed = identity.pkcs8.secret_pkcs8_der();
    assert_eq!(pem(seed), PEM);
}

#[test]
fn what_is_no_key_of_ours_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    Identity::load(&path).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    let refused = |line: &str| {
        let error = Identity::load(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{}: {line}", path.display()));
    };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    refused(&format!("others may read or change this key (chmod 600 {})", path.display()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let no_key = "not an Ed25519 key in PEM (bring it back from a backup, or move it away for a new key)";
    for garbage in ["", "garbage", &whole[..whole.len() / 2], &whole.replace("PRIVATE", "PUBLIC")] {
        fs::write(&path, garbage).unwrap();
        refused(no_key);
    }
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(Identity::load(&path), Err(IdentityError::Io(..))));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    refused("not a regular file (it must be ours to read and write)");
}

#[test]
fn what_a_start_that_was_cut_short_has_left_is_no_key_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let new = folder.path().join("key.pem.new");
    fs::write(&new, "-----BEGIN").unwrap();
    let id = Identity::load(&path).unwrap().id();
    assert!(!new.exists());
    // It was cut short after the key was there.
    fs::write(&new, "-----BEGIN").unwrap();
    assert_eq!(Identity::load(&path).unwrap().id(), id);
}

#[test]
fn a_link_that_leads_nowhere_is_not_followed_to_make_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    symlink(folder.path().join("elsewhere"), &path).unwrap();
    assert!(matches!(Identity::load(&path), Err(IdentityError::Io(..))));
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn starts_at_the_same_time_have_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..4).map(|_| scope.spawn(|| Identity::load(&path).map(|key| key.id()))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let now = Identity::load(&path).unwrap().id();
    // One may find that all its attempts were taken away; none has another key.
    assert!(ids.iter().flatten().all(|id| *id == now));
}

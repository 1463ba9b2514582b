//! What programs write is known, and what people type, or have made for them, is let in.

use simp_seeds::Random;

use super::*;

fn found(password: &str) -> Found {
    Found { line: None, name: "ann".to_owned(), password: password.to_owned(), beside: None }
}

/// Whether a value is refused in a file in which ordinary passwords stand too.
fn is_refused(password: &str) -> bool {
    let all = [found("letmein"), found(password)];
    Looks::of(&all).refuse(&all[1]).is_some()
}

const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn digests_are_known_in_every_alphabet_whatever_stands_around_them() {
    let md5 = "5f4dcc3b5aa765d61d8327deb882cf99";
    for hash in [
        SHA256,
        &SHA256.to_uppercase(),
        md5,
        "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
        "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19",
        &"0a".repeat(28),
        &"0a".repeat(48),
        &"0a".repeat(64),
        &format!("0x{SHA256}"),
        &format!("0X{}", SHA256.to_uppercase()),
        &format!("\\x{SHA256}"),
        &format!("md5{md5}"),
        &format!("{md5}:salt"),
        &format!("salt${SHA256}"),
        &format!("salt_{SHA256}"),
        &format!("{SHA256}_salt"),
        &format!("hash={SHA256}"),
        &format!("sha256({SHA256})"),
        &format!("\"{SHA256}\""),
        &format!("'{md5}'"),
        &format!("<{SHA256}>"),
        &format!("sha256:{SHA256}"),
        &format!("{SHA256}{md5}"),
        &format!("grub.pbkdf2.sha512.10000.{SHA256}.{SHA256}"),
        "5f:4d:cc:3b:5a:a7:65:d6:1d:83:27:de:b8:82:cf:99",
        "5f4dcc3b 5aa765d6 1d8327de b882cf99",
        // Of old databases, and the half of an MD5.
        "5d2e19393cc5ef67",
        "F894844C34402B67",
        "5f4dcc3b5aa765d6",
        "5f4dcc3b5aa765d61d83",
        // Base64, with padding and without it, in either alphabet.
        "X03MO1qnZdYdgyfeuILPmQ==",
        "X03MO1qnZdYdgyfeuILPmQ",
        "W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "W6ph5Mm5Pz8GgiULbPgzG37mj9g",
        "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
        "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg",
        "\"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\"",
        "sha1=W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        // With a number, a salt and more before it.
        "AQAAAAEAACcQAAAAEFnFhq3vbYoHOtXAHo1Wu0sMMqKwcOC4kHfVV5nMnJ0c0JbhuYlO0YvOx7qTqEJ3Ww==",
        "KrljkMfb40Od500MmwsXZw",
        "sha1-5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "md5-KrljkMfb40Od500MmwsXZw==",
        // Base32, of either alphabet.
        "BT6SOEQQKTITC7C34VFBH0MFJ4",
        "L5G4YO22U5S5MHMDE7PLRAWPTE======",
        "L5G4YO22U5S5MHMDE7PLRAWPTE",
        "LOVGDZGJXE7T6BUCEUFWZ6BTDN7ONL6Y",
        "l5g4yo22u5s5mhmde7plrawpte",
        // Veiled by a router.
        "094F471A1A0A",
        "02050D480809",
        "13061E010803",
        "7 0822455D0A16",
    ] {
        assert!(is_refused(hash), "{hash}");
    }
}

#[test]
fn what_programs_write_is_known_by_its_marks() {
    for hash in [
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "\"$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW\"",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
        "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.",
        "!$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.",
        "*LOCKED*$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
        "$y$j9T$salt$hashhashhash",
        "$apr1$salt$Xxd1irWT9ycqoYxGFn4cb.",
        "_J9..K0AyUubDrfOgO4s",
        "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "{CRYPT}rl.3StKT.4T8M",
        "{PBKDF2-SHA512}10000$salt$hash",
        "{plain}secret",
        "pbkdf2_sha256$600000$salt$Xg3h0hQ4O7mQpDJC2mCJ1TVKbLkWv0x2nGZJ1mTqXh0=",
        "pbkdf2:sha256:600000$salt$0123456789abcdef",
        "scrypt:32768:8:1$salt$0123456789abcdef",
        "grub.pbkdf2.sha512.10000.0123456789abcdef",
        "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy",
        "sha1(salt+0123456789)",
    ] {
        assert!(is_refused(hash), "{hash}");
    }
    for mark in [
        "!",
        "*",
        "!!",
        "!*",
        "x",
        "-",
        "*LK*",
        "*NOLOGIN*",
        "NULL",
        "\\N",
        "!kX9vQ2mZr7LpW4tYbN8cQzR5tYuI8oPaSdFg",
    ] {
        assert!(is_refused(mark), "{mark}");
    }
}

#[test]
fn what_stands_beside_a_password_may_tell_that_it_is_none() {
    let all = [Found { beside: Some("salt".to_owned()), ..found("secret") }];
    let why = Looks::of(&all).refuse(&all[0]).unwrap();
    assert!(why.starts_with("with 'salt' beside it, it looks like a hash"), "{why}");
}

#[test]
fn what_crypt_writes_is_known_if_it_can_be_nothing_else_or_all_look_so() {
    let refused = |all: &[&str]| {
        let all: Vec<_> = all.iter().map(|password| found(password)).collect();
        let looks = Looks::of(&all);
        all.iter().filter(|found| looks.refuse(found).is_some()).count()
    };
    assert_eq!(refused(&["rl.3StKT.4T8M", "letmein"]), 1, "nobody has dots and slashes alone of all signs");
    assert_eq!(refused(&["rl.3StKT.4T8Mqq7Rhm2rR.2", "letmein"]), 1, "two pieces");
    assert_eq!(refused(&["!rl.3StKT.4T8M", "crypt:rl.3StKT.4T8M", "letmein"]), 2);
    assert_eq!(refused(&["abgN5Wg5F1jT2"]), 1, "it is alone");
    assert_eq!(refused(&["abgN5Wg5F1jT2", "rlXz3StKTo4T8", "xyQ7mLp2Rt9KM"]), 0, "one of them cannot be");
    assert_eq!(
        refused(&["abgN5Wg5F1jT2", "letmein"]),
        0,
        "a quarter of those that are made at random look so"
    );
    assert_eq!(
        refused(&["abgN5Wg5F1jT2", "rlXz3StKTo4TM", "xyQ7mLp2Rt9KM", "letmein"]),
        3,
        "but not three of three"
    );
    assert_eq!(refused(&["kX9vQ2mZr7LpW", "abgN5Wg5F1jT3"]), 0);
}

#[test]
fn what_people_type_is_no_hash() {
    let words = "letmein secret dragon sunshine password1 iloveyou2 Tr0ub4dor&3 qwerty123 1q2w3e4r5t monkey! a1b2c3d4e5f6 \
        1a2b3c4d5e6f deadbeef cafebabe deadbeefdeadbeef 1234567890123456 1234567890abcdef 0123456789ABCDEF 31415926535897932384626433832795028 20081231 \
        0123ABCD 1234ABCDEF 12ABCDEF 15DECADE99 facade12 $ecret$ $a$b a$b$c Pa$$w0rd$$ {hello} a=b sha256 sha512sum md5 \
        shave:and:haircut shadow:of:the:colossus pass:word p@ss.w0rd! salt_and_pepper hash=browns x1 xx ! ? !a **stars** \
        none nullify CorrectHorseBatteryStaple01 CorrectHorseBattery1Staple correcthorsebattery2staple \
        correcthorsebatterystaple correcthorsebatterystaplecorrecthorsebattery Abcdefghij1234567890zz InternetRadio Hello.World.2 \
        THEQUICKBROWNFOXJUMPSOVERX kX9vQ2mZr7LpW4tYbN8c kX9vQ2mZr7LpW4tYbN8cRz 123e4567-e89b-12d3-a456-426614174000 xK9-mP2-qL7-vR4 \
        correct-horse-battery-staple-7 Summer2024! Winter.2023 ABCD-EFGH-IJKL-MNOP 622CB-ZTP8M-4LT9T-6SEPW 192.168.1.100 00:1a:2b:3c:4d:5e";
    for password in words.split_whitespace().filter(|word| *word != "!") {
        assert!(!is_refused(password), "{password}");
    }
    for password in [
        "open sesame",
        "\u{e9}t\u{e9}$a$b",
        "md5 is broken",
        "sha1: that is over",
        "a $ b $ c",
        "za\u{17c}\u{f3}\u{142}\u{107}",
        "",
    ] {
        assert!(!is_refused(password), "{password}");
    }
    let words = ["Otter", "canyon", "velvet", "Harbor", "quartz", "meadow", "Falcon", "river"];
    for (number, one) in words.iter().enumerate() {
        for other in words {
            for password in [
                format!("{one}{other}"),
                format!("{one}{other}{number}"),
                format!("{one} {other} {one}"),
                format!("{number}{one}-{other}!"),
                format!("{one}{other}{one}{other}"),
                format!("{one}{number}{other}{one}"),
            ] {
                assert!(!is_refused(&password), "{password}");
            }
        }
    }
}

#[test]
fn passwords_that_are_made_at_random_are_let_in() {
    let mut random = Random(7);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let signs = b"!#$%&*+-=?@^_.,:;~";
    let all: Vec<_> = (0..400)
        .map(|number| {
            let alphabet = if number % 2 == 0 { letters.to_vec() } else { [&letters[..], signs].concat() };
            let length = 12 + number / 2 % 5;
            let password: String = (0..length).map(|_| char::from(random.pick(&alphabet))).collect();
            found(&password)
        })
        .collect();
    let looks = Looks::of(&all);
    let refused: Vec<_> = all.iter().filter(|found| looks.refuse(found).is_some()).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn of_digests_in_base64_hardly_any_passes_for_a_password() {
    let mut random = Random(9);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (length, unset) in [(22, 4), (27, 2), (38, 4), (43, 2), (86, 4)] {
        let mut digest = || {
            let mut digest: String = (1..length).map(|_| char::from(random.pick(letters))).collect();
            digest.push(char::from(letters[random.index(64) >> unset << unset]));
            digest
        };
        let known = (0..1_000).filter(|_| is_refused(&digest())).count();
        assert!(known > 960, "{known} of 1,000 with {length} letters");
    }
}

//! What digests look like in the alphabets that they are written in. A digest is a number of whole bytes, so it has one of a
//! few lengths, or is longer than anybody types, and its last letter leaves the bits unset that are none of it; and it is
//! jumbled, as nothing is that people think of.

/// Bytes of digests, from MD5 to SHA-512.
const DIGESTS: [usize; 6] = [16, 20, 28, 32, 48, 64];

/// More bytes than this are no password, but several digests, or one with its salt.
const LONG: usize = 32;

/// Hexadecimal digits of half an MD5, and of the hashes of old databases.
const HEX_MIN: usize = 16;

/// Letters of the salt before what crypt(3) writes, and of each piece of that, which has 8 bytes.
const CRYPT: (usize, usize) = (2, 11);

/// Whether there is a digest in it, whatever stands around it.
pub fn has_digest(text: &str) -> bool {
    // A dash may be a letter of one alphabet, or stand between the name of an algorithm and a word of the other.
    let of = |signs: [char; 2]| move |c: char| !c.is_ascii_alphanumeric() && !signs.contains(&c);
    let words = text.split(of(['+', '/'])).chain(text.split(of(['-', '_'])));
    let is_digest = |word: &str| {
        let is_padded = text.contains(&format!("{word}="));
        is_base64(word, is_padded) || is_base32(word) || is_veiled(word)
    };
    has_hex(text) || words.into_iter().any(is_digest)
}

/// Hexadecimal digits, also in pairs or other small groups.
fn has_hex(text: &str) -> bool {
    let is_digest = |run: &str| {
        // All digits in their order are no digest, nor is a word and a date.
        let is_hex = run.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex && run.len() >= HEX_MIN && is_one_case(run) && changes(run) > 2
    };
    let unmarked = text.replace("0x", " ").replace("0X", " ").replace("\\x", " ");
    if unmarked.split(|c: char| !c.is_ascii_hexdigit()).any(is_digest) {
        return true;
    }
    let Some(between) = text.chars().find(|c| !c.is_ascii_hexdigit()) else { return false };
    let mut groups = text.split(between);
    let size = groups.next().map_or(0, str::len);
    let is_even = (1..=8).contains(&size) && groups.all(|group| group.len() == size);
    is_even && is_digest(&text.replace(between, ""))
}

/// Base64, of either alphabet, without its padding.
fn is_base64(word: &str, is_padded: bool) -> bool {
    let value = |c: char| match c {
        'A'..='Z' => Some(c as u8 - b'A'),
        'a'..='z' => Some(c as u8 - b'a' + 26),
        '0'..='9' => Some(c as u8 - b'0' + 52),
        '+' | '-' => Some(62),
        '/' | '_' => Some(63),
        _ => None,
    };
    let is_like = if is_padded { is_mixed(word) } else { is_jumbled(word) };
    is_whole(word, 6, value) && is_like
}

/// Base32, of either alphabet, in one case.
fn is_base32(word: &str) -> bool {
    let value = |c: char| match c.to_ascii_uppercase() {
        upper @ 'A'..='Z' => Some(upper as u8 - b'A'),
        digit @ '2'..='7' => Some(digit as u8 - b'2' + 26),
        _ => None,
    };
    let value_hex = |c: char| c.to_digit(32).map(|value| value as u8);
    // In upper case nobody writes a sentence with a digit in it; in lower case it may have two.
    let is_like = changes(word) > if has(word, |c| c.is_ascii_uppercase()) { 0 } else { 3 };
    is_one_case(word) && is_like && (is_whole(word, 5, value) || is_whole(word, 5, value_hex))
}

fn is_one_case(word: &str) -> bool {
    !has(word, |c| c.is_ascii_uppercase()) || !has(word, |c| c.is_ascii_lowercase())
}

/// Whether a word in which each letter has so many bits is a digest: a whole number of bytes, and what is left over is 0.
fn is_whole(word: &str, bits: usize, value: impl Fn(char) -> Option<u8>) -> bool {
    let (bytes, over) = (word.len() * bits / 8, word.len() * bits % 8);
    let last = word.chars().last().and_then(&value);
    (DIGESTS.contains(&bytes) || bytes > LONG)
        && over < bits
        && last.is_some_and(|last| last & ((1 << over) - 1) == 0)
        && word.chars().all(|c| value(c).is_some())
}

/// What routers write for a password that they veil: a number up to 15, and a pair of digits for each letter.
fn is_veiled(word: &str) -> bool {
    let Some((seed, pairs)) = word.split_at_checked(2) else { return false };
    let is_upper_hex = |c: char| c.is_ascii_digit() || matches!(c, 'A'..='F');
    seed.len() == 2
        && seed.bytes().all(|byte| byte.is_ascii_digit())
        && seed < "16"
        && (8..=50).contains(&pairs.len())
        && pairs.len().is_multiple_of(2)
        && pairs.chars().all(is_upper_hex)
        && changes(pairs) > 1
}

/// What crypt(3) wrote with DES, as far as it can be told: many passwords that are made at random look like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crypt {
    /// It cannot be.
    No,
    /// It is as long and as jumbled, and its last letters cannot be: a password that is made at random.
    Long,
    /// It may be one.
    Like,
    /// It is one, or a great coincidence.
    Surely,
}

impl Crypt {
    /// What a text is.
    pub fn of(text: &str) -> Self {
        let (salt, piece) = CRYPT;
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/');
        let is_long = text.len() > salt && (text.len() - salt).is_multiple_of(piece);
        if !is_long || !text.chars().all(is_letter) || !is_mixed(text) {
            return Self::No;
        }
        // 64 bits in letters of 6: two are left over.
        let ends = text.bytes().skip(salt).skip(piece - 1).step_by(piece);
        match ends.into_iter().all(|end| b".26AEIMQUYcgkosw".contains(&end)) {
            true if text.contains(['.', '/']) && is_jumbled(text) => Self::Surely,
            true => Self::Like,
            false => Self::Long,
        }
    }
}

/// Whether a word has capitals, small letters and others as a digest has them, and not as words do.
fn is_jumbled(word: &str) -> bool {
    // A third of the neighbours in a digest, and hardly any in words: a capital before another or before a digit, a digit
    // before a small letter.
    let is_odd = |pair: (Kind, Kind)| {
        matches!(pair, (Kind::Capital, Kind::Capital | Kind::Other) | (Kind::Other, Kind::Small))
    };
    let odd = neighbours(word).filter(|pair| is_odd(*pair)).count();
    is_mixed(word) && has(word, |c| !c.is_ascii_alphabetic()) && odd * 24 >= word.len() - 1
}

/// Whether it has both, and of all neighbours at least a third differ: in a digest it is two thirds.
fn is_mixed(word: &str) -> bool {
    let has_both = has(word, |c| c.is_ascii_uppercase()) && has(word, |c| c.is_ascii_lowercase());
    has_both && changes(word) * 3 >= word.len() - 1
}

/// How often the next character is of another kind.
fn changes(word: &str) -> usize {
    neighbours(word).filter(|(one, next)| one != next).count()
}

/// What a character is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Capital,
    Small,
    Other,
}

fn neighbours(word: &str) -> impl Iterator<Item = (Kind, Kind)> {
    let kinds = word.chars().map(|c| match c {
        'A'..='Z' => Kind::Capital,
        'a'..='z' => Kind::Small,
        _ => Kind::Other,
    });
    kinds.clone().zip(kinds.skip(1))
}

fn has(text: &str, is: impl Fn(char) -> bool) -> bool {
    text.chars().any(is)
}

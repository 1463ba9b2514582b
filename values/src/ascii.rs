//! Text in ASCII, for those that take nothing else.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// The text in ASCII: letters without what stands above and below them, a few characters by their like, and a question mark
/// for each of the rest.
pub fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.nfc() {
        if !push_like(&mut out, c) {
            // One for each, whatever it is made of.
            let start = out.len();
            for part in std::iter::once(c).nfkd().filter(|part| !is_mark(*part)) {
                if !push_like(&mut out, part) {
                    out.truncate(start);
                    out.push('?');
                    break;
                }
            }
        }
    }
    Cow::Owned(out)
}

/// Whether it stands above, below or around another character.
pub fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

/// What stands for a character that is not made of others. False if there is nothing.
fn push_like(out: &mut String, c: char) -> bool {
    let like = match c {
        c if c.is_ascii() => {
            out.push(c);
            return true;
        }
        'ß' => "ss",
        'ẞ' => "SS",
        'æ' => "ae",
        'Æ' => "AE",
        'œ' => "oe",
        'Œ' => "OE",
        'ø' => "o",
        'Ø' => "O",
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'þ' => "th",
        'Þ' => "Th",
        'ħ' => "h",
        'Ħ' => "H",
        'ı' => "i",
        '\u{2018}' | '\u{2019}' | '\u{201a}' => "'",
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '«' | '»' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        '\u{2022}' => "*",
        '×' => "x",
        '€' => "EUR",
        _ => return false,
    };
    out.push_str(like);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ascii_is_shown_by_its_like() {
        for (text, like) in [
            ("plain\n", "plain\n"),
            ("J\u{f6}rg Stra\u{df}e", "Jorg Strasse"),
            ("Jo\u{308}rg", "Jorg"),
            ("Za\u{17c}\u{f3}\u{142}\u{107} g\u{119}\u{15b}l\u{105}", "Zazolc gesla"),
            ("\u{201e}ja\u{201c} \u{2013} 5\u{a0}\u{20ac}\u{2026}", "\"ja\" - 5 EUR..."),
            ("\u{fb01}n \u{bd}", "fin ?"),
            ("\u{416}\u{1f600} \u{4e2d}", "?? ?"),
            ("\u{439}", "?"),
            ("a\u{ffff}b\0", "a?b\0"),
        ] {
            assert_eq!(ascii(text), like, "{text}");
            assert!(ascii(text).is_ascii());
        }
    }
}

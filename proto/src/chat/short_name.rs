//! The name of a peer, in the memory that most names take.

use std::fmt;

use simp_values::text::UserName;

/// So long are most names, in bytes.
const SHORT: usize = 14;

/// A user name as a chat keeps it.
pub(super) enum ShortName {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<UserName>),
}

impl ShortName {
    /// The name; empty if a peer sent none.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Short { length, bytes } => {
                let name = bytes.get(..usize::from(*length)).unwrap_or_default();
                str::from_utf8(name).unwrap_or_default()
            }
            Self::Long(name) => name.as_str(),
        }
    }
}

impl Default for ShortName {
    fn default() -> Self {
        Self::Short { length: 0, bytes: [0; SHORT] }
    }
}

impl fmt::Debug for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl From<UserName> for ShortName {
    fn from(name: UserName) -> Self {
        let length = name.as_str().len();
        match name.field().first_chunk() {
            Some(bytes) if length <= SHORT => Self::Short { length: length as u8, bytes: *bytes },
            _ => Self::Long(Box::new(name)),
        }
    }
}

impl From<&ShortName> for UserName {
    fn from(name: &ShortName) -> Self {
        match name {
            ShortName::Short { bytes, .. } => {
                let mut field = *Self::default().field();
                field.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                Self::from_field(&field).0
            }
            ShortName::Long(name) => **name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_length_is_the_same_again() {
        for length in 0..=32 {
            let (name, _) =
                UserName::from_field(&std::array::from_fn(|at| if at < length { b'x' } else { 0 }));
            let short = ShortName::from(name);
            assert_eq!((short.as_str(), UserName::from(&short)), (name.as_str(), name));
            assert_eq!(matches!(short, ShortName::Short { .. }), length <= SHORT);
        }
        assert_eq!(size_of::<ShortName>(), 16);
    }
}

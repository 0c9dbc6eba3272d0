//! Lists the Python names that a pickle refers to, without executing it, and rejects the unsafe ones.
//!
//! A pickle is a program for a small stack machine. It refers to Python's functions and classes by name only, so a walk over
//! its instructions finds every name before anything could be called. Tensors need only a few names; any other name, and
//! any instruction that creates objects in another way, is an error.

/// The names that PyTorch writes for dictionaries of tensors.
const ALLOWED: [(&str, &[&str]); 4] = [
    ("collections", &["OrderedDict"]),
    ("torch._utils", &["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"]),
    ("torch.storage", &["UntypedStorage", "TypedStorage"]),
    (
        "torch",
        &[
            "DoubleStorage",
            "FloatStorage",
            "HalfStorage",
            "BFloat16Storage",
            "LongStorage",
            "IntStorage",
            "ShortStorage",
            "CharStorage",
            "ByteStorage",
            "BoolStorage",
            "Size",
        ],
    ),
];

/// Returns an error if a pickle refers to anything but tensors, is cut off, or has an unknown instruction.
pub fn check(pickle: &[u8]) -> Result<(), String> {
    let mut rest = UnreadBytes(pickle);
    loop {
        let at = pickle.len() - rest.0.len();
        let cut = || format!("the pickle is cut off after {} bytes", pickle.len());
        let op = rest.byte().ok_or_else(cut)?;
        match op {
            b'.' => return Ok(()),
            b'c' => {
                let (module, name) = rest.line().zip(rest.line()).ok_or_else(cut)?;
                let allowed = ALLOWED.iter().any(|(known, names)| *known == module && names.contains(&name));
                if !allowed {
                    return Err(format!(
                        "the pickle names Python's `{module}.{name}`, which tensors do not need and which may run code: \
                         the file is not read, and no code was run"
                    ));
                }
            }
            // Instructions that look up classes in other ways, or create objects of them.
            b'i' | b'o' | 0x81..=0x84 | 0x92 | 0x93 => {
                return Err(format!(
                    "the pickle creates an object by instruction 0x{op:02x} at byte {at}, which PyTorch does not write for \
                     tensors and which may run code: the file is not read, and no code was run"
                ));
            }
            _ => {
                let length = argument(op, &rest)
                    .ok_or_else(|| format!("byte {at} of the pickle, 0x{op:02x}, is not an instruction"))?;
                rest.skip(length).ok_or_else(cut)?;
            }
        }
    }
}

/// The number of bytes of an instruction's argument; `None` for an unknown instruction. (The table is that of Python's
/// `pickletools`.)
fn argument(op: u8, rest: &UnreadBytes<'_>) -> Option<usize> {
    Some(match op {
        b'(' | b')' | b'0' | b'1' | b'2' | b'N' | b'R' | b'b' | b'd' | b'l' | b't' | b's' | b'a' | b']' | b'}'
        | b'e' | b'u' | b'Q' => 0,
        0x85..=0x89 | 0x8f..=0x91 | 0x94 | 0x97 | 0x98 => 0,
        b'I' | b'L' | b'F' | b'V' | b'S' | b'g' | b'p' | b'P' => rest.0.iter().position(|byte| *byte == b'\n')? + 1,
        b'K' | b'h' | b'q' | 0x80 => 1,
        b'M' => 2,
        b'J' | b'j' | b'r' => 4,
        b'G' | 0x95 => 8,
        b'U' | b'C' | 0x8a | 0x8c => rest.counted(1)?,
        b'T' | b'X' | b'B' | 0x8b => rest.counted(4)?,
        0x8d | 0x8e | 0x96 => rest.counted(8)?,
        _ => return None,
    })
}

/// The bytes of the pickle that are not read yet.
struct UnreadBytes<'a>(&'a [u8]);

impl<'a> UnreadBytes<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn line(&mut self) -> Option<&'a str> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&self.0[..end]).ok()?;
        self.0 = &self.0[end + 1..];
        Some(line)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    /// The size of a little-endian length of `bytes` bytes together with the content that follows it, in bytes.
    fn counted(&self, bytes: usize) -> Option<usize> {
        let length = self.0.get(..bytes)?.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        usize::try_from(length).ok()?.checked_add(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn tensors_pass_and_calls_do_not() {
        check(b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.").unwrap();
        let system = check(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00trueq\x00\x85R.").unwrap_err();
        assert!(system.contains("`posix.system`") && system.contains("no code was run"), "{system}");
        // A name of a permitted module, and instructions that take the name from the stack.
        assert!(check(b"\x80\x02ctorch\nload\n.").unwrap_err().contains("`torch.load`"));
        assert!(check(b"\x80\x04\x8c\x05posix\x8c\x06system\x93.").unwrap_err().contains("0x93"));
        assert!(check(b"(S'true'\niposix\nsystem\n.").unwrap_err().contains("0x69"));
        // Inside the text of another instruction the name is only text.
        check(b"\x80\x02X\x0e\x00\x00\x00cposix\nsystem\n.").unwrap();
    }

    #[test]
    fn a_cut_off_pickle_and_an_unknown_instruction_are_errors() {
        assert!(check(b"\x80\x02}").unwrap_err().contains("cut off"));
        assert!(check(b"X\xff\xff\xff\xff").unwrap_err().contains("cut off"));
        assert!(check(b"\xff.").unwrap_err().contains("0xff, is not an instruction"));
        assert!(check(b"").unwrap_err().contains("cut off"));
    }
}

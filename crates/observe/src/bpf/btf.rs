//! `/sys/kernel/btf/vmlinux`: the kernel's own types, with which a program finds the members of its
//! structures (Documentation/bpf/btf.rst).

use crate::{Error, Operation, read_bytes};

/// Where every kernel with CONFIG_DEBUG_INFO_BTF has its types.
const PATH: &str = "/sys/kernel/btf/vmlinux";

/// Kinds of types (include/uapi/linux/btf.h).
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const FUNC: u32 = 12;
/// Typedef, volatile, const, restrict, type tag: what stands before the type that is meant.
const MODIFIERS: [u32; 5] = [8, 9, 10, 11, 18];

const MAGIC: u32 = 0xeb9f;
const HEADER: usize = 24;
/// How deep unnamed members are searched in each other.
const MAX_DEPTH: usize = 16;

/// The types.
#[derive(Debug)]
pub struct Btf {
    bytes: Vec<u8>,
    /// Where the strings begin and end.
    strings: (usize, usize),
    /// Where each type begins; the first has the number 1.
    types: Vec<usize>,
}

/// The head of a type, and where what follows it begins.
#[derive(Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    /// Members, parameters, values: how many follow.
    count: usize,
    /// Whether the offset of a member has the size of a bit field in its upper bits.
    kind_flag: bool,
    size_or_type: u32,
    body: usize,
}

impl Btf {
    /// Those of the kernel that runs.
    ///
    /// # Errors
    /// ENOENT where the kernel was built without them; without number where they are damaged.
    pub fn kernel() -> Result<Btf, Error> {
        let damaged = || Error::without_errno(format!("read {PATH}: not in the known form"));
        Btf::parse(read_bytes(PATH)?).ok_or_else(|| damaged().with_kind(Operation::Field))
    }

    /// Reads the file's bytes; none where they are not in the known form.
    pub fn parse(bytes: Vec<u8>) -> Option<Btf> {
        let word = |at| word(&bytes, at);
        if word(0)? & 0xffff != MAGIC {
            return None;
        }
        let head = word(4)? as usize;
        let section = |offset: usize, length: usize| {
            let start = head.checked_add(word(offset)? as usize)?;
            let end = start.checked_add(word(length)? as usize)?;
            (head >= HEADER && end <= bytes.len()).then_some((start, end))
        };
        let (mut at, end) = section(8, 12)?;
        let strings = section(16, 20)?;
        let mut types = Vec::new();
        while at < end {
            types.push(at);
            let head = type_at(&bytes, at)?;
            at = head.body.checked_add(head.body_length()?)?;
        }
        Some(Btf {
            bytes,
            strings,
            types,
        })
    }

    /// The number of the function `name`.
    pub fn function(&self, name: &str) -> Option<u32> {
        self.find(FUNC, name)
    }

    /// Where member `member` of `struct name` begins, in bytes; unnamed structures and unions in it
    /// are searched as well.
    pub fn offset(&self, name: &str, member: &str) -> Option<i16> {
        let bits = self.member(self.find(STRUCT, name)?, member, 0)?;
        (bits % 8 == 0).then(|| i16::try_from(bits / 8).ok())?
    }

    /// As [`Btf::function`].
    ///
    /// # Errors
    /// Without number where there is none, with its name.
    pub fn require_function(&self, name: &str) -> Result<u32, Error> {
        self.function(name).ok_or_else(|| missing(name))
    }

    /// As [`Btf::offset`].
    ///
    /// # Errors
    /// Without number where there is none, with its name.
    pub fn require_offset(&self, name: &str, member: &str) -> Result<i16, Error> {
        let missing = || missing(&format!("{member} of struct {name}"));
        self.offset(name, member).ok_or_else(missing)
    }

    fn find(&self, kind: u32, name: &str) -> Option<u32> {
        let is_it = |&at: &usize| {
            let it = type_at(&self.bytes, at);
            it.is_some_and(|it| it.kind == kind && self.is_named(it.name, name))
        };
        u32::try_from(self.types.iter().position(is_it)? + 1).ok()
    }

    fn of_number(&self, number: u32) -> Option<Type> {
        let at = self.types.get((number as usize).checked_sub(1)?)?;
        type_at(&self.bytes, *at)
    }

    /// Bits before a member.
    fn member(&self, number: u32, name: &str, depth: usize) -> Option<u32> {
        let structure = self.of_number(number)?;
        if depth > MAX_DEPTH || ![STRUCT, UNION].contains(&structure.kind) {
            return None;
        }
        (0..structure.count).find_map(|nth| {
            let at = structure.body + 12 * nth;
            let [of_name, of_type, offset] = [0, 4, 8].map(|field| word(&self.bytes, at + field));
            let (of_name, of_type) = (of_name?, of_type?);
            let offset = offset?
                & if structure.kind_flag {
                    0xff_ffff
                } else {
                    u32::MAX
                };
            if of_name != 0 {
                return self.is_named(of_name, name).then_some(offset);
            }
            let inside = self.member(self.without_modifiers(of_type)?, name, depth + 1)?;
            offset.checked_add(inside)
        })
    }

    fn without_modifiers(&self, mut number: u32) -> Option<u32> {
        for _ in 0..MAX_DEPTH {
            let it = self.of_number(number)?;
            if !MODIFIERS.contains(&it.kind) {
                return Some(number);
            }
            number = it.size_or_type;
        }
        None
    }

    fn is_named(&self, offset: u32, name: &str) -> bool {
        let (start, end) = self.strings;
        let strings = self.bytes.get(start..end).unwrap_or_default();
        let text = strings.get(offset as usize..).unwrap_or_default();
        text.strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.first() == Some(&0))
    }
}

impl Type {
    /// Bytes that follow the head.
    fn body_length(&self) -> Option<usize> {
        Some(match self.kind {
            // An integer, a variable, the tag of a declaration.
            1 | 14 | 17 => 4,
            // An array.
            3 => 12,
            // Members, variables of a section, values of 64 bits.
            STRUCT | UNION | 15 | 19 => 12 * self.count,
            // Values of 32 bits, parameters.
            6 | 13 => 8 * self.count,
            // Pointers, forward declarations, functions, floating point numbers, modifiers.
            2 | 7..=FUNC | 16 | 18 => 0,
            _ => return None,
        })
    }
}

fn missing(what: &str) -> Error {
    let what = format!("this kernel's types have no {what}");
    Error::without_errno(what).with_kind(Operation::Field)
}

fn type_at(bytes: &[u8], at: usize) -> Option<Type> {
    let info = word(bytes, at + 4)?;
    Some(Type {
        name: word(bytes, at)?,
        kind: info >> 24 & 31,
        count: (info & 0xffff) as usize,
        kind_flag: info >> 31 != 0,
        size_or_type: word(bytes, at + 8)?,
        body: at + 12,
    })
}

/// The types are in the byte order of the machine that they describe.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_kernel_that_runs() {
        let btf = match Btf::kernel() {
            Ok(btf) => btf,
            Err(error) => return assert_eq!(error.errno, nix::errno::Errno::ENOENT),
        };
        // The context of every iterator begins with a pointer to this.
        assert_eq!(btf.offset("bpf_iter_meta", "seq"), Some(0));
        assert!(btf.offset("task_struct", "tgid") < btf.offset("task_struct", "files"));
        // In a structure of 6.18 it lies in an unnamed union.
        assert!(btf.offset("file", "f_pos").is_some());
        assert!(btf.function("bpf_iter_task_file").is_some());
        assert_eq!(btf.offset("file", "no_such_member"), None);
        assert_eq!(btf.function("no_such_function"), None);
    }
}

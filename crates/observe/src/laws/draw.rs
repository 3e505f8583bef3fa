//! Values drawn from the bytes of a law: the same bytes, the same values.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// The bytes that are left. Where they end, numbers are 0 and texts empty.
pub struct Draw<'a>(&'a [u8]);

impl<'a> Draw<'a> {
    /// Draws from `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Draw(data)
    }

    /// A number of any size: as many bytes as the first one says.
    pub fn number(&mut self) -> u64 {
        let length = usize::from(self.byte() % 9);
        let number = self.take(length).iter();
        number.fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// Yes or no.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Some bytes, without a line feed or a NUL. They may end as a line or a path may, too.
    pub fn name(&mut self) -> OsString {
        const ENDS: [&str; 8] = ["", "", "", "\r", " ", "\t", "\u{85}", " (deleted)"];
        let length = usize::from(self.byte() % 32);
        let bytes = self.take(length).iter().map(|&byte| match byte {
            b'\n' | 0 => b'_',
            _ => byte,
        });
        let mut name: Vec<u8> = bytes.collect();
        name.extend(ENDS[usize::from(self.byte() % 8)].bytes());
        OsString::from_vec(name)
    }

    /// At least one letter, digit, or mark that is no blank.
    pub fn word(&mut self) -> String {
        let length = usize::from(self.byte() % 16);
        let letters = self.take(length).iter();
        let letters = letters.map(|byte| char::from(b'!' + byte % (b'~' - b'!' + 1)));
        format!("w{}", letters.collect::<String>())
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, most: usize) -> &'a [u8] {
        let (now, later) = self.0.split_at(most.min(self.0.len()));
        self.0 = later;
        now
    }
}

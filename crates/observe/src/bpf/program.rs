//! BPF programs put together by hand: one method an instruction
//! (Documentation/bpf/standardization/instruction-set.rst).

/// A register. r1 to r5 hold arguments and are lost in a call, r6 to r9 are kept, r0 is the answer,
/// r10 points behind the stack of 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(pub u8);

pub const R0: Register = Register(0);
pub const R1: Register = Register(1);
pub const R2: Register = Register(2);
pub const R3: Register = Register(3);
pub const R6: Register = Register(6);
pub const R7: Register = Register(7);
pub const R8: Register = Register(8);
pub const R9: Register = Register(9);
pub const STACK: Register = Register(10);

/// How much is loaded or stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Bits16,
    Bits32,
    Bits64,
}

/// Functions of the kernel, by their numbers (include/uapi/linux/bpf.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helper {
    /// `bpf_probe_read_kernel(destination, size, address)`.
    ProbeReadKernel = 113,
    /// `bpf_seq_write(seq, data, length)`.
    SeqWrite = 127,
}

/// Instructions of eight bytes each.
#[derive(Clone, Debug, Default)]
pub struct Program {
    code: Vec<u64>,
    /// Jumps to the end, whose distance is not known yet.
    exits: Vec<usize>,
}

impl Program {
    /// Its instructions, with an end at which r0 is 0.
    pub fn finish(mut self) -> Vec<u64> {
        let end = self.code.len();
        for &at in &self.exits {
            let distance = (end - at - 1) as u64;
            self.code[at] |= distance << 16;
        }
        self.set(R0, 0);
        self.push(0x95, R0, R0, 0, 0);
        self.code
    }

    fn push(&mut self, operation: u8, to: Register, from: Register, offset: i16, number: i32) {
        self.code.push(
            u64::from(operation)
                | u64::from(to.0) << 8
                | u64::from(from.0) << 12
                | u64::from(offset.cast_unsigned()) << 16
                | u64::from(number.cast_unsigned()) << 32,
        );
    }

    /// `to = *(from + offset)`.
    pub fn load(&mut self, width: Width, to: Register, from: Register, offset: i16) {
        let operation = match width {
            Width::Bits16 => 0x69,
            Width::Bits32 => 0x61,
            Width::Bits64 => 0x79,
        };
        self.push(operation, to, from, offset, 0);
    }

    /// `*(to + offset) = from`.
    pub fn store(&mut self, width: Width, to: Register, offset: i16, from: Register) {
        let operation = match width {
            Width::Bits16 => 0x6b,
            Width::Bits32 => 0x63,
            Width::Bits64 => 0x7b,
        };
        self.push(operation, to, from, offset, 0);
    }

    /// `to = from`.
    pub fn copy(&mut self, to: Register, from: Register) {
        self.push(0xbf, to, from, 0, 0);
    }

    /// `to = number`.
    pub fn set(&mut self, to: Register, number: i32) {
        self.push(0xb7, to, R0, 0, number);
    }

    /// `to += number`.
    pub fn add(&mut self, to: Register, number: i32) {
        self.push(0x07, to, R0, 0, number);
    }

    /// `to += from`.
    pub fn add_register(&mut self, to: Register, from: Register) {
        self.push(0x0f, to, from, 0, 0);
    }

    /// `to &= number`.
    pub fn and(&mut self, to: Register, number: i32) {
        self.push(0x57, to, R0, 0, number);
    }

    /// `to <<= bits`.
    pub fn shift_left(&mut self, to: Register, bits: i32) {
        self.push(0x67, to, R0, 0, bits);
    }

    /// `to >>= bits`.
    pub fn shift_right(&mut self, to: Register, bits: i32) {
        self.push(0x77, to, R0, 0, bits);
    }

    /// `to >>= bits`, where `bits` is a register.
    pub fn shift_right_by(&mut self, to: Register, bits: Register) {
        self.push(0x7f, to, bits, 0, 0);
    }

    /// `r0 = helper(r1, ...)`.
    pub fn call(&mut self, helper: Helper) {
        self.push(0x85, R0, R0, 0, helper as i32);
    }

    /// Copies `length` bytes from `from + offset` in the kernel's memory to the stack, zeros where
    /// nothing can be read. What `from` leads to need not be known to the verifier. r0 to r5 are
    /// lost.
    pub fn read_kernel(&mut self, to: i16, length: i16, from: Register, offset: i16) {
        self.copy(R3, from);
        self.add(R3, offset.into());
        self.copy(R1, STACK);
        self.add(R1, to.into());
        self.set(R2, length.into());
        self.call(Helper::ProbeReadKernel);
    }

    /// Writes `length` bytes of the stack as a record of the iterator whose `struct seq_file` is
    /// `seq`.
    pub fn write_record(&mut self, seq: Register, start: i16, length: i16) {
        self.copy(R1, seq);
        self.copy(R2, STACK);
        self.add(R2, start.into());
        self.set(R3, length.into());
        self.call(Helper::SeqWrite);
    }

    /// Leaves the program where `register` is 0.
    pub fn exit_if_zero(&mut self, register: Register) {
        self.exits.push(self.code.len());
        self.push(0x15, register, R0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that the kernel's own disassembler shows for these.
    #[cfg(target_endian = "little")]
    #[test]
    fn instructions_have_their_known_bytes() {
        let mut program = Program::default();
        program.load(Width::Bits64, R7, R6, 24);
        program.exit_if_zero(R7);
        program.store(Width::Bits32, STACK, -8, R7);
        program.call(Helper::SeqWrite);
        let code: Vec<[u8; 8]> = program.finish().iter().map(|it| it.to_le_bytes()).collect();
        assert_eq!(
            code,
            [
                [0x79, 0x67, 24, 0, 0, 0, 0, 0],
                [0x15, 0x07, 2, 0, 0, 0, 0, 0],
                [0x63, 0x7a, 0xf8, 0xff, 0, 0, 0, 0],
                [0x85, 0, 0, 0, 127, 0, 0, 0],
                [0xb7, 0, 0, 0, 0, 0, 0, 0],
                [0x95, 0, 0, 0, 0, 0, 0, 0],
            ]
        );
    }
}

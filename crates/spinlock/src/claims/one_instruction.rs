//! What the compiler made of it: one locked exchange, against separate moves.

use anyhow::Result;
use claim::{Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading};

const LOCKED: Quantity = Name("locked exchanges in the function").count(1, 0);
const ACCESSES: Quantity = Name("instructions that access memory").count(1, 2);

const OWN_TEXT: Act = Does("reads the function from its own text")
    .in_memory()
    .shown_by("a mapping of this program in /proc/self/maps, not writable, with its address");
const TEST_AND_SET: Act = Does("calls what it reads, on the flag of the spinlock")
    .in_memory()
    .shown_by("the flag, which was clear and is set")
    .in_control(InControl::Not);

pub(super) const CLAIM: Claim = Claim {
    id: "one-instruction",
    statement: "In the code that runs here, test-and-set is one locked exchange; the pseudo-code \
                is a load and a store, with room for another CPU in between.",
    measures: "The bytes of the function are read from this process's own text and decoded; \
               instructions that access memory are counted, and those among them that lock the \
               cache line.",
    control: "the pseudo-code, compiled by the same compiler",
    notes: &[20, 24, 25, 26, 27],
    example: Some("test_and_set_by_swap"),
    needs: &["x86-64", "a build with optimisation"],
    acts: &[OWN_TEXT, TEST_AND_SET],
    quantities: &[LOCKED, ACCESSES],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    if !cfg!(target_arch = "x86_64") {
        return NotMeasured::err(
            "the decoder knows x86-64 only",
            "read it with objdump -d; on aarch64 expect swpab, or a loop of ldaxrb and stxrb",
        );
    }
    if cfg!(debug_assertions) {
        return NotMeasured::err(
            "built without optimisation, an atomic operation is a call of a function",
            "build with --release",
        );
    }
    decode::reading(arm)
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod decode {
    #![expect(unsafe_code, reason = "reads this process's own text")]

    use std::hint::black_box;
    use std::path::Path;
    use std::slice;

    use super::{ACCESSES, LOCKED, OWN_TEXT, TEST_AND_SET};
    use anyhow::{Context, Result, ensure};
    use claim::{Arm, Reading};
    use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, SpecializedFormatter};
    use lock_api::RawMutex as _;
    use locks::{TestAndSet, not_atomic::NotAtomic};

    /// test-and-set as a function: the old value. It differs from the other one in the flag's type
    /// only.
    #[inline(never)]
    extern "C" fn test_and_set(flag: &TestAndSet) -> bool {
        !flag.try_lock()
    }

    #[inline(never)]
    extern "C" fn pseudo_code(flag: &NotAtomic) -> bool {
        flag.literal_test_and_set()
    }

    /// No function here is longer; it ends at its return.
    const MAX_FUNCTION_BYTES: usize = 64;

    pub(super) fn reading(arm: Arm) -> Result<Reading> {
        let (sound, broken) = (TestAndSet::INIT, NotAtomic::new());
        // Called and decoded: one and the same pointer.
        let (name, address, old) = match arm {
            Arm::Experiment => {
                let called: extern "C" fn(&TestAndSet) -> bool = black_box(test_and_set);
                ("test_and_set", called as *const () as usize, called(&sound))
            }
            Arm::Control => {
                let called: extern "C" fn(&NotAtomic) -> bool = black_box(pseudo_code);
                ("pseudo_code", called as *const () as usize, called(&broken))
            }
        };
        let text = observe::maps::read(std::process::id().cast_signed())?
            .into_iter()
            .find(|mapping| (mapping.start..mapping.end).contains(&(address as u64)))
            .filter(|mapping| mapping.permissions.read && mapping.permissions.execute)
            .with_context(|| format!("no readable text in /proc/self/maps has {name}"))?;
        let length = MAX_FUNCTION_BYTES.min((text.end - address as u64) as usize);
        // SAFETY: the function begins here, and `length` bytes from here lie in one mapping that is
        // readable and executable. Nobody writes to text.
        let code = unsafe { slice::from_raw_parts(black_box(address) as *const u8, length) };
        let instructions = function(code, address as u64);
        ensure!(
            instructions
                .last()
                .is_some_and(|last| last.mnemonic() == Mnemonic::Ret),
            "{name} does not return within {MAX_FUNCTION_BYTES} bytes"
        );
        let accesses = || {
            instructions
                .iter()
                .filter(|instruction| accesses_memory(instruction))
        };
        let locked = accesses()
            .filter(|instruction| exchanges(instruction))
            .count();
        Ok(Reading::kernel()
            .act(
                &OWN_TEXT,
                !text.permissions.write && Path::new(&text.path).is_absolute(),
            )
            .act(&TEST_AND_SET, !old && sound.is_locked())
            .with(&LOCKED, locked)
            .with(&ACCESSES, accesses().count())
            .figure(listing(name, &instructions)))
    }

    /// The instructions up to the first return.
    fn function(code: &[u8], address: u64) -> Vec<Instruction> {
        let mut instructions = Vec::new();
        for instruction in Decoder::with_ip(64, code, address, DecoderOptions::NONE) {
            instructions.push(instruction);
            if instruction.mnemonic() == Mnemonic::Ret {
                break;
            }
        }
        instructions
    }

    /// Pushes, pops and the return use the stack without an operand that says so, and are not
    /// meant.
    fn accesses_memory(instruction: &Instruction) -> bool {
        instruction.mnemonic() != Mnemonic::Lea
            && (0..instruction.op_count())
                .any(|operand| instruction.op_kind(operand) == OpKind::Memory)
    }

    /// xchg with memory locks the line without a prefix; between registers it locks nothing. Other
    /// locked instructions, such as an addition, are no test-and-set.
    fn exchanges(instruction: &Instruction) -> bool {
        instruction.mnemonic() == Mnemonic::Xchg && accesses_memory(instruction)
    }

    fn listing(name: &str, instructions: &[Instruction]) -> String {
        struct Plain;
        impl iced_x86::SpecializedFormatterTraitOptions for Plain {}
        let mut formatter = SpecializedFormatter::<Plain>::new();
        let mut text = format!("{name}:\n");
        for instruction in instructions {
            text.push_str("    ");
            formatter.format(instruction, &mut text);
            text.push('\n');
        }
        text
    }

    /// The law of machine code, whatever bytes it is: see [`crate::laws`].
    #[cfg(any(test, fuzzing))]
    pub(crate) fn machine_code(data: &[u8]) {
        let address = (data.len() as u64).wrapping_mul(u64::MAX / 300);
        let instructions = function(data, address);
        let length: usize = instructions.iter().map(Instruction::len).sum();
        assert!(length <= data.len());
        let returns = |instruction: &Instruction| instruction.mnemonic() == Mnemonic::Ret;
        let before_the_last = instructions.iter().rev().skip(1);
        assert!(before_the_last.clone().all(|it| !returns(it)));
        assert!(
            instructions
                .iter()
                .filter(|it| exchanges(it))
                .all(accesses_memory)
        );
        let listing = listing("function", &instructions);
        assert_eq!(listing.lines().count(), instructions.len() + 1);
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_exchange_is_told_from_a_move_and_a_locked_increment() {
            // xchg byte ptr [rdi], al; mov byte ptr [rdi], 0; lock inc byte ptr [rdi]; ret; nop
            let code = [0x86, 0x07, 0xc6, 0x07, 0x00, 0xf0, 0xfe, 0x07, 0xc3, 0x90];
            let found = function(&code, 0);
            assert_eq!(found.len(), 4);
            assert_eq!(
                found.iter().map(exchanges).collect::<Vec<_>>(),
                [true, false, false, false]
            );
            let accesses: Vec<_> = found.iter().map(accesses_memory).collect();
            assert_eq!(accesses, [true, true, true, false]);
        }

        #[test]
        fn an_exchange_of_registers_locks_nothing() {
            // xchg ebx, eax; ret
            let found = function(&[0x87, 0xc3, 0xc3], 0);
            assert_eq!(found[0].mnemonic(), Mnemonic::Xchg);
            assert!(!exchanges(&found[0]));
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod decode {
    pub(super) fn reading(_: claim::Arm) -> anyhow::Result<claim::Reading> {
        anyhow::bail!("no decoder for this architecture")
    }
}

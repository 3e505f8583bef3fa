//! A process that looks for signals, and one that was told to ignore one. One thread, no test
//! harness: signals and forks.
#![expect(unsafe_code, reason = "SIGHUP is set to be ignored, as nohup(1) does")]
#![expect(clippy::print_stdout, reason = "it says how it went")]

mod inherited_signals;

use harness::interrupt::{self, Interrupt, Interrupted};
use nix::sys::signal::{SigHandler, Signal, raise, signal};

type Outcome = Result<(), child::BoxError>;

fn main() {
    inherited_signals::reset();
    let tests = [
        (
            "the first signal counts from then on",
            first_signal as fn() -> Outcome,
        ),
        ("an ignored signal stays ignored", ignored_signal),
        ("what is let go ends the process", let_go),
    ];
    for (name, test) in tests {
        let done = child::fork(name, |_| test());
        let done = done.and_then(child::Child::join);
        assert!(done.is_ok(), "{name}: {done:?}");
    }
    println!("{} passed", tests.len());
}

fn first_signal() -> Outcome {
    assert_eq!(interrupt::check(), Ok(()), "nobody holds anything back");
    interrupt::catch()?;
    interrupt::catch()?;
    assert_eq!(interrupt::check(), Ok(()));
    for next in [Signal::SIGHUP, Signal::SIGINT] {
        raise(next)?;
        assert_eq!(interrupt::check(), Err(Interrupted(Signal::SIGHUP)));
    }
    assert_eq!(interrupt::signal(), Some(Signal::SIGHUP));
    Ok(())
}

fn ignored_signal() -> Outcome {
    // SAFETY: to ignore a signal installs no function that it could run in.
    unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }?;
    interrupt::catch()?;
    raise(Signal::SIGHUP)?;
    assert_eq!(interrupt::check(), Ok(()));
    raise(Signal::SIGTERM)?;
    assert_eq!(interrupt::check(), Err(Interrupted(Signal::SIGTERM)));
    Ok(())
}

/// A signal that was not asked for does what it always would have, once it is let go.
fn let_go() -> Outcome {
    let child = child::fork("let go", |_| {
        let interrupt = Interrupt::catch()?;
        raise(Signal::SIGTERM)?;
        drop(interrupt);
        Ok("it lives on".to_owned())
    })?;
    let end = child.join();
    let killed = matches!(&end, Err(error) if error.to_string().contains("killed by SIGTERM"));
    assert!(killed, "{end:?}");
    Ok(())
}

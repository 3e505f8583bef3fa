//! Completions: every shell that is here is asked.

use std::fs;
use std::process::Command;

use super::{Binary, temporary};

impl Binary {
    /// Ids and names are completed in every shell.
    pub fn completes_names(&self) {
        for shell in ["bash", "zsh", "fish", "elvish"] {
            let script = self.stdout(&["generate", "completions", shell]);
            for word in ["explain", "selftest", self.run] {
                assert!(script.contains(word), "{shell}: {word}");
            }
            let times = script.matches(self.claim).count();
            assert!(times >= 3, "{shell}: {} stands {times} times", self.claim);
            if let Some((option, name)) = self.names {
                assert!(script.contains(option), "{shell}: {option}");
                assert!(script.contains(name), "{shell}: {name}");
            }
        }
        let beginning = &self.claim[..self.claim.len() - 2];
        let completed = self.completed_by_bash(&["explain", beginning]);
        assert_eq!(completed, self.claim);
        for (shell, completed) in [
            ("fish", self.completed_by_fish(beginning)),
            ("zsh", self.completed_by_zsh(beginning)),
        ] {
            match completed {
                Some(completed) => assert!(completed.contains(self.claim), "{shell}: {completed}"),
                None => eprintln!("skipped: {shell} is missing"),
            }
        }
        if let (Some((option, name)), Some(tool)) = (self.names, self.tools.first()) {
            let completed = self.completed_by_bash(&[tool, &format!("--{option}"), name]);
            assert!(completed.split(' ').any(|it| it == name), "{completed}");
        }
        self.completes_lists();
        // The names are there for shells alone: help stays readable, and an error names the
        // nearest.
        assert!(!self.help(&[self.run]).contains(self.claim));
        let nearly = &self.claim[..self.claim.len() - 1];
        let refused = self.run(&["explain", nearly]);
        let error = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(
            error,
            format!(
                "error: no claim `{nearly}`; did you mean `{}`?\n",
                self.claim
            )
        );
    }

    /// Where an option takes a list its names are completed behind a comma, too.
    fn completes_lists(&self) {
        let (Some((option, name)), Some(tool)) = (self.names, self.tools.first()) else {
            return;
        };
        let help = self.help(&[tool]);
        let value = help.split(&format!("--{option} <")).nth(1);
        let value = value
            .and_then(|rest| rest.split('>').next())
            .expect("its value");
        if !value.contains("LIST") && !value.contains(",...") {
            return;
        }
        let list = format!("{name},{name}");
        let completed = self.completed_by_bash(&[tool, &format!("--{option}"), &list]);
        assert!(completed.split(' ').any(|it| it == list), "{completed}");
        for (shell, part) in [("zsh", ":_values -s , "), ("fish", "(__fish_append , ")] {
            let script = self.stdout(&["generate", "completions", shell]);
            assert!(script.contains(part), "{shell}: {script}");
        }
    }

    /// What bash makes of `words` when the last one is to be completed.
    fn completed_by_bash(&self, words: &[&str]) -> String {
        let script = self.stdout(&["generate", "completions", "bash"]);
        let complete = "
            COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))
            function=$(complete -p \"$1\" | sed 's/.* -F \\([^ ]*\\).*/\\1/')
            $function \"$1\" \"${@: -1}\" \"${@: -2:1}\"
            echo \"${COMPREPLY[@]}\"";
        let output = Command::new("bash")
            .args(["-c", &(script + complete), "bash", self.name])
            .args(words)
            .output()
            .expect("bash runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What fish makes of the beginning of a claim behind `explain`; none where there is no fish.
    fn completed_by_fish(&self, beginning: &str) -> Option<String> {
        let script = self.stdout(&["generate", "completions", "fish"]);
        let complete = format!("\ncomplete -C '{} explain {beginning}'", self.name);
        let mut fish = Command::new("fish");
        // Where there is no home, fish cannot write its history, and says so.
        let output = fish
            .args(["--no-config", "-c", &(script + &complete)])
            .output();
        Some(String::from_utf8_lossy(&output.ok()?.stdout).into_owned())
    }

    /// What zsh makes of it, at a terminal of its own; none where there is no zsh.
    fn completed_by_zsh(&self, beginning: &str) -> Option<String> {
        let folder = temporary::folder().join(format!("zsh-{}-{}", self.name, std::process::id()));
        let script = folder.join(format!("_{}", self.name));
        fs::create_dir(&folder).expect("a folder");
        fs::write(&script, self.stdout(&["generate", "completions", "zsh"])).expect("a file");
        let session = "
            zmodload zsh/zpty
            zpty shell zsh -f -i
            zpty -w shell 'autoload -Uz compinit; compinit -D -u; source $SCRIPT'
            zpty -w -n shell $TYPED$'\\t'
            zpty -r -m shell shown \"*$WANTED*\"
            print -r -- $shown
            zpty -d shell";
        let output = Command::new("timeout")
            .args(["60", "zsh", "-f", "-c", session])
            .env("SCRIPT", &script)
            .env("TYPED", format!("{} explain {beginning}", self.name))
            .env("WANTED", self.claim)
            .output()
            .expect("timeout(1)");
        fs::remove_dir_all(&folder).expect("ours");
        // 127: there is no such program. 126: nor where this user may look, in a folder of PATH.
        let is_there = !matches!(output.status.code(), Some(126 | 127));
        is_there.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

//! `accept-queue serve`: the pre-forked server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use prefork::server::{Protocol, ServerEvent, ServerOptions, places_table, serve};
use prefork::{Site, strategies};
use present::{print, print_note};
use runner::{known_names, whole_number};

use super::{BACKLOG, WORKERS, strategy_names};

/// Options of the server.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Exit status:
  0        a signal ended the server, as it should
  2        an error: the server could not start or go on

Examples:
  accept-queue serve --listen 127.0.0.1:8080 --workers 4
  accept-queue serve --strategy reuseport --echo")]
pub struct ServeArgs {
    /// Address to listen on; port 0 lets the kernel choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Number of workers
    #[arg(long, value_name = "N", default_value = "4", value_parser = whole_number(WORKERS))]
    workers: u32,
    /// How the workers wait for connections
    #[arg(long, value_name = "NAME", default_value = "blocking", hide_possible_values = true,
          value_parser = known_names(strategy_names()))]
    strategy: String,
    /// Length of the accept queue; the kernel caps it at net.core.somaxconn
    #[arg(long, value_name = "N", default_value = "4096", value_parser = whole_number(BACKLOG))]
    backlog: i32,
    /// Seconds after which a connection is closed, however busy its client keeps it; a client that
    /// is silent is given up after 10 s
    #[arg(long, value_name = "SECONDS", default_value = "60",
          value_parser = whole_number(1..=86_400_u64))]
    deadline: u64,
    /// Send back what comes
    #[arg(long, conflicts_with = "http")]
    echo: bool,
    /// Answer each HTTP request with who accepted it; this is the default
    #[arg(long)]
    http: bool,
}

impl ServeArgs {
    /// Serves until a signal ends the server, and returns the exit status.
    pub fn run(&self) -> Result<u8> {
        let options = ServerOptions {
            site: Site {
                address: self.listen,
                backlog: self.backlog,
                workers: self.workers as usize,
            },
            strategy: strategies::by_name(&self.strategy)?,
            protocol: if self.echo {
                Protocol::Echo
            } else {
                Protocol::Http
            },
            deadline: Duration::from_secs(self.deadline),
            connections: None,
        };
        serve(&options, &mut |event| self.show(event))?;
        Ok(0)
    }

    fn show(&self, event: ServerEvent) -> Result<()> {
        match event {
            ServerEvent::Listening { address, backlog } => {
                if i64::from(backlog) < i64::from(self.backlog) && self.backlog != 4096 {
                    print_note(&format!(
                        "net.core.somaxconn caps the backlog: {backlog} instead of {}",
                        self.backlog
                    ));
                }
                let (pid, workers, strategy) = (std::process::id(), self.workers, &self.strategy);
                print(&format!(
                    "listening on {address}: {workers} workers, {strategy}, backlog {backlog}\n\
                     kill -USR1 {pid} shows who accepted, Ctrl-C ends it\n"
                ))?;
                Ok(())
            }
            ServerEvent::Caution(caution) => {
                print_note(&format!("{}: {caution}", self.strategy));
                Ok(())
            }
            ServerEvent::Replaced { index, end, pid } => {
                print_note(&format!("{end}; worker {index} is pid {pid} now"));
                Ok(())
            }
            ServerEvent::Accepted(places) => Ok(print(&places_table(&places))?),
            ServerEvent::Ending(signal) => {
                print_note(&format!("{signal}: ending {} workers", self.workers));
                Ok(())
            }
        }
    }
}

//! A pre-forked HTTP server: each of its four workers says hello and names itself.
//!
//! ```console
//! $ cargo run -p prefork --example hello -- epoll-exclusive 127.0.0.1:8080 3
//! $ curl http://127.0.0.1:8080/          # in another terminal, three times
//! hello from worker 0 of 4 (pid 4711), strategy epoll-exclusive, connection 1 of this worker
//! ```
//!
//! It ends after the number of connections given last, or at Ctrl-C.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use prefork::Site;
use prefork::server::{Protocol, ServerEvent, ServerOptions, places_table, serve};
use prefork::strategies;

fn main() -> Result<(), Box<dyn Error>> {
    harness::inherited::reset();
    let mut arguments = std::env::args().skip(1);
    let strategy = arguments.next().unwrap_or("blocking".to_owned());
    let address = arguments.next().unwrap_or("127.0.0.1:8080".to_owned());
    let connections = arguments.next().map(|number| number.parse());
    let options = ServerOptions {
        site: Site {
            address: address.parse()?,
            ..Site::loopback(4)
        },
        strategy: strategies::by_name(&strategy)?,
        protocol: Protocol::Custom(hello),
        deadline: Duration::from_secs(10),
        connections: connections.transpose()?,
    };
    serve(&options, &mut |event| {
        match event {
            ServerEvent::Listening { address, .. } => println!("listening on http://{address}/"),
            ServerEvent::Accepted(places) => print!("{}", places_table(&places)),
            other => println!("{other:?}"),
        }
        Ok::<(), Box<dyn Error>>(())
    })
}

/// Reads the head of a request and answers it. Runs in the worker that accepted.
fn hello(mut connection: TcpStream, who: &str, deadline: Duration) -> io::Result<()> {
    connection.set_read_timeout(Some(deadline))?;
    for line in BufReader::new(&connection).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let length = "hello from \n".len() + who.len();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\nhello from {who}\n"
    )
}

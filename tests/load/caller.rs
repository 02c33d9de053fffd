//! A minimal HTTP client on one connection. It costs little time itself, and can send all requests before it reads the
//! first answer.

use docendorse_mock::domain::signing::AgentId;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

pub struct Caller {
    host: String,
    stream: BufReader<TcpStream>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Caller {
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { host: address.to_owned(), stream: BufReader::new(stream) }
    }

    /// The request with which an agent accepts. The minimal answer leaves out the agents, which would otherwise be read
    /// a thousand times.
    pub fn accept(&self, agent: AgentId) -> String {
        let host = &self.host;
        format!(
            "POST /__admin/signing/agents/{agent}/accept HTTP/1.1\r\nhost: {host}\r\nprefer: return=minimal\r\n\
             content-length: 0\r\n\r\n"
        )
    }

    pub fn send(&mut self, requests: &str) {
        self.stream.get_mut().write_all(requests.as_bytes()).unwrap();
    }

    /// Receives the next answer. Answers come in the order of the requests.
    pub fn receive(&mut self) -> Answer {
        let mut line = String::new();
        let mut read_line = |line: &mut String| {
            line.clear();
            assert!(self.stream.read_line(line).unwrap() > 0, "the connection was closed");
        };
        read_line(&mut line);
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            read_line(&mut line);
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        Answer { status, body }
    }
}

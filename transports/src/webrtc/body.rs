//! Body of a signal between two of these transports.
//!
//! A line `1 FROM TO`, two numbers of 16 hexadecimal digits that name the attempts to connect of
//! the sender and of the receiver (zeros: not known yet), then what the signal is about: a session
//! description, a candidate as in its attribute (`candidate:…`), or the reason of a goodbye. The
//! numbers tell a peer that was started anew from the one that it was before.

/// Names one attempt to connect: random, and never 0.
pub(super) type Attempt = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Body<'a> {
    pub from: Attempt,
    /// 0: the sender does not know it yet.
    pub to: Attempt,
    pub text: &'a str,
}

impl<'a> Body<'a> {
    pub fn parse(body: &'a str) -> Option<Self> {
        let (head, text) = body.split_once('\n')?;
        let mut words = head.split(' ');
        if words.next() != Some("1") {
            return None;
        }
        let mut number = || {
            // `from_str_radix` takes a sign too: a number has one form only.
            let is_hex = |word: &&str| word.len() == 16 && !word.starts_with('+');
            let word = words.next().filter(is_hex)?;
            u64::from_str_radix(word, 16).ok()
        };
        let (from, to) = (number()?, number()?);
        (words.next().is_none() && from != 0).then_some(Body { from, to, text })
    }

    pub fn write(&self) -> String {
        format!("1 {:016x} {:016x}\n{}", self.from, self.to, self.text)
    }
}

/// A number that no other attempt has.
pub(super) fn attempt() -> std::io::Result<Attempt> {
    loop {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        match u64::from_ne_bytes(bytes) {
            0 => {}
            attempt => return Ok(attempt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_as_they_are_written() {
        let body = Body {
            from: 7,
            to: u64::MAX,
            text: "v=0\r\no=- 1 2\n",
        };
        let written = "1 0000000000000007 ffffffffffffffff\nv=0\r\no=- 1 2\n";
        assert_eq!(body.write(), written);
        assert_eq!(Body::parse(written), Some(body));
    }

    #[test]
    fn what_is_no_body_is_none() {
        for wrong in [
            "",
            "\n",
            "1 7 8\n",
            "2 0000000000000007 0000000000000008\n",
            "1 0000000000000000 0000000000000008\n",
            "1 0000000000000007\n",
            "1 0000000000000007 0000000000000008 \n",
            "1 0000000000000007 000000000000000g\n",
            "1 +000000000000007 0000000000000008\n",
            "1 0000000000000007 0000000000000008",
        ] {
            assert_eq!(Body::parse(wrong), None, "{wrong}");
        }
    }
}

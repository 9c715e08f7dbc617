// SPDX-License-Identifier: EUPL-1.2
//! Writes to a client that may not read.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::deliver::deadline::Deadline;

/// A client that takes nothing for so long is gone.
pub(super) const WRITING: Duration = Duration::from_secs(60);

/// Writes all of `output` by then, and empties it. Whatever is written leaves it at once: who gives up half-way and comes
/// again goes on where this ended.
pub(super) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    output: &mut Vec<u8>,
    by: Deadline,
) -> io::Result<()> {
    if output.is_empty() {
        return Ok(());
    }
    let writing = async {
        while !output.is_empty() {
            match stream.write(output).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => drop(output.drain(..written)),
            }
        }
        stream.flush().await
    };
    by.wait(writing).await.map_err(|_| io::ErrorKind::TimedOut)?
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_for_a_client_that_does_not_read() {
        let (mut ours, mut theirs) = tokio::io::duplex(4);
        let (mut output, began) = (b"250 ok\r\n".to_vec(), tokio::time::Instant::now());
        let by = Deadline::after(Duration::from_secs(2));
        assert_eq!(write(&mut ours, &mut output, by).await.map_err(|e| e.kind()), Err(io::ErrorKind::TimedOut));
        assert_eq!(began.elapsed(), Duration::from_secs(2));
        // What was taken is not said again.
        assert_eq!(output, b"ok\r\n");
        let mut heard = [0; 4];
        theirs.read_exact(&mut heard).await.unwrap();
        // There is no time left, and none is needed.
        write(&mut ours, &mut output, by).await.unwrap();
        assert!(output.is_empty());
        theirs.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ok\r\n");
    }
}

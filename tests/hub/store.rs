//! The content store behind the Hub's large files: chunks in xorbs, and shards that say which of them make a file.

use std::collections::BTreeMap;

/// What was uploaded.
#[derive(Default)]
pub struct Store {
    /// The chunks of each xorb.
    xorbs: BTreeMap<String, Vec<Vec<u8>>>,
    /// Each file by its SHA-256: the xorbs that it is made of, and which of their chunks.
    files: BTreeMap<String, Vec<(String, usize, usize)>>,
}

/// The size of each entry of a shard.
const ENTRY: usize = 48;

impl Store {
    /// A xorb: each chunk is its version, its stored length (3 bytes), how it is compressed, and its length (3 bytes), then
    /// its bytes. What follows the last chunk is a summary.
    pub fn xorb(&mut self, hash: &str, mut bytes: &[u8]) {
        let mut chunks = Vec::new();
        while let Some((&[0, a, b, c, scheme, ..], after)) = bytes.split_first_chunk::<8>() {
            assert_eq!(scheme, 0, "the test asks the client not to compress");
            let length = u32::from_le_bytes([a, b, c, 0]) as usize;
            chunks.push(after[..length].to_vec());
            bytes = &after[length..];
        }
        assert!(!chunks.is_empty(), "a xorb without chunks");
        self.xorbs.insert(hash.to_owned(), chunks);
    }

    /// A shard: a header of 48 bytes, then for each file an entry with its hash, flags and the number of its parts; as many
    /// entries of parts; as many of their checksums, where a flag says so; and one with its SHA-256, where another does.
    pub fn shard(&mut self, bytes: &[u8]) {
        let mut entries = bytes[ENTRY..].chunks_exact(ENTRY);
        while let Some(header) = entries.next().filter(|header| header[..32] != [0xff; 32]) {
            let (flags, count) = (number(header, 32), number(header, 36));
            let parts: Vec<_> = (0..count)
                .map(|_| {
                    let part = entries.next().unwrap();
                    (hash(part), number(part, 40) as usize, number(part, 44) as usize)
                })
                .collect();
            if flags & (1 << 31) != 0 {
                (0..count).for_each(|_| assert!(entries.next().is_some()));
            }
            assert!(flags & (1 << 30) != 0, "the file's SHA-256 is in the shard");
            self.files.insert(hash(entries.next().unwrap()), parts);
        }
    }

    /// A file by its SHA-256; `None` where a part of it is missing.
    pub fn file(&self, sha256: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for (xorb, from, to) in self.files.get(sha256)? {
            self.xorbs.get(xorb)?.get(*from..*to)?.iter().for_each(|chunk| bytes.extend(chunk));
        }
        Some(bytes)
    }
}

fn number(entry: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(entry[at..at + 4].try_into().unwrap())
}

/// A hash as it is written: four numbers of 64 bits.
fn hash(entry: &[u8]) -> String {
    entry[..32].chunks_exact(8).map(|word| format!("{:016x}", u64::from_le_bytes(word.try_into().unwrap()))).collect()
}

//! A zip archive as `torch.save` lays it out: nothing compressed, every member's data on a
//! multiple of 64 bytes.

/// One member.
pub(super) struct Entry {
    /// Path inside the archive.
    pub name: String,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Data begins on multiples of this, so that readers may map it.
const ALIGNMENT: usize = 64;
/// Extra field that pads a local header; PyTorch writes the same ("FB").
const PADDING_ID: [u8; 2] = *b"FB";
/// 1980-01-01, the earliest date a zip knows: equal weights give equal files.
const DATE: u16 = 0x21;

const CRC_TABLE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut n = 0;
    while n < 256 {
        let mut c = n as u32;
        let mut k = 0;
        while k < 8 {
            c = if c & 1 == 1 { 0xEDB8_8320 ^ (c >> 1) } else { c >> 1 };
            k += 1;
        }
        table[n] = c;
        n += 1;
    }
    table
};

/// CRC-32 of IEEE 802.3, as zip uses it.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |c, b| CRC_TABLE[((c ^ u32::from(*b)) & 0xFF) as usize] ^ (c >> 8))
}

fn field(n: usize) -> Result<u32, String> {
    u32::try_from(n).map_err(|_| "more than 4 GiB do not fit into a plain zip archive".to_owned())
}

/// The whole archive. An error says why there is none: more than 4 GiB or 65,535 members.
pub(super) fn archive(entries: &[Entry]) -> Result<Vec<u8>, String> {
    let count = u16::try_from(entries.len()).map_err(|_| "too many tensors".to_owned())?;
    let total: usize = entries.iter().map(|e| e.data.len() + 2 * e.name.len() + 256).sum();
    let mut out = Vec::with_capacity(total);
    let mut directory = Vec::new();
    for entry in entries {
        let offset = field(out.len())?;
        let (crc, size) = (crc32(&entry.data), field(entry.data.len())?);
        let name_len =
            u16::try_from(entry.name.len()).map_err(|_| "a name is too long".to_owned())?;
        // Version 2.0, no flags, stored, time, date, CRC, both sizes, length of the name.
        let mut common = Vec::with_capacity(26);
        common.extend([20, 0, 0, 0, 0, 0, 0, 0]);
        common.extend(DATE.to_le_bytes());
        common.extend(crc.to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(name_len.to_le_bytes());

        let data_at = out.len() + 30 + entry.name.len() + 4;
        let padding = data_at.next_multiple_of(ALIGNMENT) - data_at;
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend((4 + padding as u16).to_le_bytes());
        out.extend(entry.name.as_bytes());
        out.extend(PADDING_ID);
        out.extend((padding as u16).to_le_bytes());
        out.resize(out.len() + padding, b'Z');
        out.extend(&entry.data);

        directory.extend(b"PK\x01\x02");
        directory.extend([20, 0]);
        directory.extend(&common);
        // No extra field, comment, disk, attributes.
        directory.extend([0; 12]);
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let directory_at = field(out.len())?;
    let directory_len = field(directory.len())?;
    out.extend(directory);
    out.extend(b"PK\x05\x06");
    out.extend([0; 4]);
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(directory_len.to_le_bytes());
    out.extend(directory_at.to_le_bytes());
    out.extend([0; 2]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn data_lies_on_multiples_of_64() {
        let entry = |name: &str, n: usize| Entry { name: name.into(), data: vec![0xAB; n] };
        let bytes = archive(&[entry("a/data.pkl", 3), entry("a/data/0", 100)]).unwrap();
        let at: Vec<_> = (0..bytes.len() - 3).filter(|i| bytes[*i..*i + 3] == [0xAB; 3]).collect();
        assert_eq!(at[0] % 64, 0);
        let second = at.iter().find(|i| **i > at[0] + 3).unwrap();
        assert_eq!(second % 64, 0);
    }
}

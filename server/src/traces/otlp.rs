//! The bytes of OTLP: `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest` as protocol
//! buffers, of which a trace needs three wire types and a dozen fields.

use powerjob_common::time::UnixMillis;

use super::spans::{Attribute, Span};

/// Who sends traces.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) service: &'static str,
    pub(super) version: &'static str,
    pub(super) node: String,
}

const KIND_INTERNAL: u64 = 1;
const STATUS_OK: u64 = 1;
const STATUS_ERROR: u64 = 2;

/// A request with all spans.
pub(super) fn encode(resource: &Resource, spans: &[Span]) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |of_resource| {
        of_resource.message(1, |message| {
            for (key, value) in [
                ("service.name", resource.service),
                ("service.version", resource.version),
                ("service.instance.id", &resource.node),
            ] {
                attribute(message, 1, key, &Attribute::Text(value.to_owned()));
            }
        });
        of_resource.message(2, |of_scope| {
            of_scope.message(1, |scope| scope.text(1, "powerjob"));
            for span in spans {
                of_scope.message(2, |message| write_span(message, span));
            }
        });
    });
    request.bytes
}

fn write_span(message: &mut Message, span: &Span) {
    message.bytes_field(1, &span.trace.0.to_be_bytes());
    message.bytes_field(2, &span.id.to_be_bytes());
    if span.parent != 0 {
        message.bytes_field(4, &span.parent.to_be_bytes());
    }
    message.text(5, &span.name);
    message.number(6, KIND_INTERNAL);
    message.fixed(7, nanos(span.from));
    message.fixed(8, nanos(span.until));
    for (key, value) in &span.attributes {
        attribute(message, 9, key, value);
    }
    match &span.outcome {
        None => {}
        Some(Ok(())) => message.message(15, |status| status.number(3, STATUS_OK)),
        Some(Err(cause)) => message.message(15, |status| {
            status.text(2, cause);
            status.number(3, STATUS_ERROR);
        }),
    }
}

fn attribute(message: &mut Message, field: u32, key: &str, value: &Attribute) {
    message.message(field, |pair| {
        pair.text(1, key);
        pair.message(2, |any| match value {
            Attribute::Text(text) => any.text(1, text),
            Attribute::Number(number) => any.number(3, number.cast_unsigned()),
        });
    });
}

fn nanos(at: UnixMillis) -> u64 {
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000)
}

/// A message of protocol buffers on its way.
#[derive(Debug, Default)]
struct Message {
    bytes: Vec<u8>,
}

const WIRE_VARINT: u32 = 0;
const WIRE_FIXED: u32 = 1;
const WIRE_BYTES: u32 = 2;

impl Message {
    fn number(&mut self, field: u32, value: u64) {
        self.key(field, WIRE_VARINT);
        self.varint(value);
    }

    fn fixed(&mut self, field: u32, value: u64) {
        self.key(field, WIRE_FIXED);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn text(&mut self, field: u32, text: &str) {
        self.bytes_field(field, text.as_bytes());
    }

    fn message(&mut self, field: u32, write: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        write(&mut inner);
        self.bytes_field(field, &inner.bytes);
    }

    fn bytes_field(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, WIRE_BYTES);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use powerjob_common::status::InstanceStatus;

    use super::super::spans::EndedRun;
    use super::super::spans::tests::ended;
    use super::*;

    #[test]
    fn numbers_take_seven_bits_a_byte() {
        let mut message = Message::default();
        message.number(1, 150);
        message.number(16, u64::MAX);
        let expected = "089601".to_owned() + "8001" + "ffffffffffffffffff01";
        assert_eq!(hexadecimal(&message.bytes), expected);
    }

    /// Made once from these bytes by the protocol's own Python package: all fields came back.
    #[test]
    fn a_request_is_what_a_collector_reads() {
        let resource = Resource {
            service: "powerjob-server",
            version: "0.1.0",
            node: "s1".to_owned(),
        };
        let spans = EndedRun::of(&ended(InstanceStatus::Failed), "greet").spans();
        let bytes = encode(&resource, &spans[..2]);
        let golden = include_str!("golden/request.hex");
        assert_eq!(hexadecimal(&bytes), golden.trim());
    }

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

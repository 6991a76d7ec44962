//! The folded network as an ONNX graph in memory: how rten takes a graph.
//!
//! rten has no public way to build a graph node by node, so the few protobuf messages of ONNX
//! that a ResNet needs are encoded here. Nothing is written to disk.

use std::borrow::Cow;

use super::bytes::le_bytes;
use super::fold::{FoldedConv, FoldedFnac, FoldedTrunk};

/// Name of a graph's input.
pub(super) const INPUT: &str = "input";
/// Name of a graph's output.
pub(super) const OUTPUT: &str = "output";

const FLOAT: u64 = 1;
const ATTRIBUTE_INT: u64 = 2;
const ATTRIBUTE_INTS: u64 = 7;
/// ONNX operator set; all operators used here are older.
const OPSET: u64 = 17;
const IR_VERSION: u64 = 8;

/// Parts up to this size are copied when messages are put into each other; larger ones (weights)
/// are moved or borrowed until the end.
const SMALL: usize = 4096;

/// A protobuf message under construction. Field numbers are those of `onnx.proto`.
///
/// Kept in parts, because protobuf wants the length of a message before the message: at width
/// 64 the weights are copied once instead of at every level.
#[derive(Default)]
struct Message<'a> {
    parts: Vec<Cow<'a, [u8]>>,
    len: usize,
}

impl<'a> Message<'a> {
    fn part(&mut self, part: Cow<'a, [u8]>) {
        self.len += part.len();
        match self.parts.last_mut() {
            Some(Cow::Owned(last)) if last.len() < SMALL && part.len() < SMALL => {
                last.extend(part.iter());
            }
            _ => self.parts.push(part),
        }
    }

    fn varint(&mut self, mut v: u64) {
        let mut bytes = Vec::with_capacity(10);
        while v >= 0x80 {
            bytes.push(v as u8 | 0x80);
            v >>= 7;
        }
        bytes.push(v as u8);
        self.part(Cow::Owned(bytes));
    }

    fn int(mut self, field: u64, v: u64) -> Self {
        self.varint(field << 3);
        self.varint(v);
        self
    }

    fn bytes(mut self, field: u64, bytes: Cow<'a, [u8]>) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.part(bytes);
        self
    }

    fn message(mut self, field: u64, inner: Self) -> Self {
        self.varint(field << 3 | 2);
        self.varint(inner.len as u64);
        inner.parts.into_iter().for_each(|part| self.part(part));
        self
    }

    fn finish(self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len);
        self.parts.iter().for_each(|part| all.extend_from_slice(part));
        all
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, Cow::Owned(text.as_bytes().to_vec()))
    }

    fn ints(self, field: u64, values: &[usize]) -> Self {
        values.iter().fold(self, |m, v| m.int(field, *v as u64))
    }
}

/// A graph under construction: nodes and weights, in order.
#[derive(Default)]
struct Graph<'a> {
    nodes: Vec<Message<'a>>,
    weights: Vec<Message<'a>>,
    count: usize,
}

impl<'a> Graph<'a> {
    fn attribute_ints(name: &str, values: &[usize]) -> Message<'a> {
        Message::default().text(1, name).ints(8, values).int(20, ATTRIBUTE_INTS)
    }

    fn attribute_int(name: &str, value: u64) -> Message<'a> {
        Message::default().text(1, name).int(3, value).int(20, ATTRIBUTE_INT)
    }

    /// Adds a node and gives the name of its output.
    fn node(&mut self, op: &str, inputs: &[&str], attributes: Vec<Message<'a>>) -> String {
        self.count += 1;
        let output = format!("{op}_{}", self.count);
        self.named_node(op, inputs, &output, attributes);
        output
    }

    fn named_node(
        &mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<Message<'a>>,
    ) {
        let node = inputs.iter().fold(Message::default(), |m, i| m.text(1, i));
        let node = node.text(2, output).text(3, output).text(4, op);
        self.nodes.push(attributes.into_iter().fold(node, |m, a| m.message(5, a)));
    }

    fn weight(&mut self, name: &str, shape: &[usize], data: &'a [f32]) {
        let tensor = Message::default().ints(1, shape).int(2, FLOAT).text(8, name);
        self.weights.push(tensor.bytes(9, le_bytes(data)));
    }

    fn conv(&mut self, x: &str, conv: &'a FoldedConv) -> String {
        let [_, _, k, _] = conv.shape;
        let (weight, bias) = (format!("{}.weight", conv.name), format!("{}.bias", conv.name));
        self.weight(&weight, &conv.shape, &conv.weight);
        self.weight(&bias, &[conv.bias.len()], &conv.bias);
        let attributes = vec![
            Self::attribute_ints("kernel_shape", &[k, k]),
            Self::attribute_ints("strides", &[conv.stride; 2]),
            Self::attribute_ints("pads", &[conv.padding; 4]),
        ];
        self.node("Conv", &[x, &weight, &bias], attributes)
    }

    fn trunk(&mut self, x: &str, trunk: &'a FoldedTrunk) -> String {
        let x = self.conv(x, &trunk.stem);
        let x = self.node("Relu", &[&x], vec![]);
        let pool = vec![
            Self::attribute_ints("kernel_shape", &[3, 3]),
            Self::attribute_ints("strides", &[2, 2]),
            Self::attribute_ints("pads", &[1; 4]),
        ];
        let mut x = self.node("MaxPool", &[&x], pool);
        for block in &trunk.blocks {
            let y = self.conv(&x, &block.conv1);
            let y = self.node("Relu", &[&y], vec![]);
            let y = self.conv(&y, &block.conv2);
            let shortcut = match &block.downsample {
                Some(d) => self.conv(&x, d),
                None => x,
            };
            let sum = self.node("Add", &[&y, &shortcut], vec![]);
            x = self.node("Relu", &[&sum], vec![]);
        }
        x
    }

    /// A dimension that is given, or named when it is known only at run time.
    fn dimension(d: Result<usize, &str>) -> Message<'a> {
        match d {
            Ok(n) => Message::default().int(1, n as u64),
            Err(name) => Message::default().text(2, name),
        }
    }

    fn value(name: &str, shape: &[Result<usize, &str>]) -> Message<'a> {
        let shape = shape.iter().fold(Message::default(), |m, d| m.message(1, Self::dimension(*d)));
        let tensor = Message::default().int(1, FLOAT).message(2, shape);
        Message::default().text(1, name).message(2, Message::default().message(1, tensor))
    }

    /// The whole model; `input` is its input's shape.
    fn model(self, input: &[Result<usize, &str>]) -> Vec<u8> {
        let graph = self.nodes.into_iter().fold(Message::default(), |m, n| m.message(1, n));
        let graph = graph.text(2, "fnac");
        let graph = self.weights.into_iter().fold(graph, |m, w| m.message(5, w));
        let graph = graph
            .message(11, Self::value(INPUT, input))
            .message(12, Message::default().text(1, OUTPUT));
        let opset = Message::default().text(1, "").int(2, OPSET);
        Message::default().int(1, IR_VERSION).message(8, opset).message(7, graph).finish()
    }
}

/// Pictures `[n, 3, 224, 224]` to the projection before its normalisation, `[n, dim, 7, 7]`.
pub(super) fn image_model(folded: &FoldedFnac) -> Vec<u8> {
    let mut g = Graph::default();
    let x = g.trunk(INPUT, &folded.image);
    let p = g.conv(&x, &folded.image_projection);
    g.named_node("Identity", &[&p], OUTPUT, vec![]);
    g.model(&[Err("n"), Ok(3), Ok(224), Ok(224)])
}

/// Spectrograms `[1, 1, 257, t]` to the projection before its normalisation, `[1, dim]`.
pub(super) fn sound_model(folded: &FoldedFnac) -> Vec<u8> {
    let mut g = Graph::default();
    let x = g.trunk(INPUT, &folded.sound);
    let x = g.node("GlobalMaxPool", &[&x], vec![]);
    let x = g.node("Flatten", &[&x], vec![Graph::attribute_int("axis", 1)]);
    let p = &folded.sound_projection;
    let [dim, features, ..] = p.shape;
    g.weight("aud_proj.weight", &[dim, features], &p.weight);
    g.weight("aud_proj.bias", &[dim], &p.bias);
    let inputs = [x.as_str(), "aud_proj.weight", "aud_proj.bias"];
    g.named_node("Gemm", &inputs, OUTPUT, vec![Graph::attribute_int("transB", 1)]);
    g.model(&[Ok(1), Ok(1), Ok(257), Err("t")])
}

/// Pictures `[n, 3, 224, 224]` to a trunk's last features, `[n, 8 width, 7, 7]`.
pub(super) fn trunk_model(trunk: &FoldedTrunk) -> Vec<u8> {
    let mut g = Graph::default();
    let x = g.trunk(INPUT, trunk);
    g.named_node("Identity", &[&x], OUTPUT, vec![]);
    g.model(&[Err("n"), Ok(3), Ok(224), Ok(224)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_a_message_keeps_its_bytes_whatever_their_size() {
        let big = vec![7u8; 3 * SMALL];
        let inner = Message::default().int(1, 1).bytes(9, Cow::Borrowed(&big)).int(2, 2);
        let outer = Message::default().text(3, "x").message(5, inner).int(4, 4).finish();
        // 12,288 as a varint is 80 60; the inner message has five bytes and the header beside it.
        let mut want = vec![0x1A, 1, b'x', 0x2A, 0x87, 0x60, 0x08, 1, 0x4A, 0x80, 0x60];
        want.extend(&big);
        want.extend([0x10, 2, 0x20, 4]);
        assert_eq!(outer, want);
    }

    #[test]
    fn messages_are_encoded_as_protobuf_wants_them() {
        let m = Message::default().int(1, 150).text(2, "testing").ints(3, &[1, 300]);
        let want = [
            &[0x08, 0x96, 0x01][..],
            &[0x12, 0x07, b't', b'e', b's', b't', b'i', b'n', b'g'],
            &[0x18, 0x01, 0x18, 0xAC, 0x02],
        ];
        assert_eq!(m.finish(), want.concat());
    }
}

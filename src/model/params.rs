//! Parameters by their official names.

use burn::module::Param;
use burn::tensor::Tensor;

/// Sees the parameters of a network one by one, see [`super::Fnac::each_param`].
pub trait ParamVisitor {
    /// `name` is the key of a checkpoint, such as `imgnet.layer1.0.bn1.weight`.
    fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>);
}

//! The network: FNAC in burn and rten, checkpoints, compute devices. Never knows data sets or windows.

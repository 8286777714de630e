//! `hookstorm doctor`: what this machine has to run plugins with. `facts` reads the machine and starts a worker on a
//! plugin of ours; `advice` says what is missing, what the risk is, and how to repair it.

mod advice;
mod command;
mod facts;

pub(super) use command::{DoctorArguments, run};

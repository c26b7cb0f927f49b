// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A connection to a TEE (GP TEE Client API 1.0, sections 4.5.2 to 4.5.5).

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use crate::raw::Device;
use crate::uapi::{OpenSessionArg, VersionData, GEN_CAP_GP, GEN_CAP_MEMREF_NULL};
use crate::{code, Error, Operation, Origin, Session};

/// How the client is identified to the TA. Linux finds out the identity and makes a UUID of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Not at all.
    Public,
    /// By its effective user.
    User,
    /// By a group it belongs to.
    Group(u32),
    /// By its program.
    Application,
    /// By its program and its effective user.
    UserApplication,
    /// By its program and a group it belongs to.
    GroupApplication(u32),
}

impl Login {
    /// `TEE_IOCTL_LOGIN_*`, and the data it needs.
    fn lower(self) -> (u32, [u8; 16]) {
        let (login, group) = match self {
            Self::Public => (0, 0),
            Self::User => (1, 0),
            Self::Group(group) => (2, group),
            Self::Application => (4, 0),
            Self::UserApplication => (5, 0),
            Self::GroupApplication(group) => (6, group),
        };
        let mut data = [0; 16];
        data[..4].copy_from_slice(&group.to_ne_bytes());
        (login, data)
    }
}

/// A connection to a TEE, which ends when this and all that was made of it are gone.
#[derive(Clone, Debug)]
pub struct Context {
    device: Arc<Device>,
    version: VersionData,
}

impl Context {
    /// Opens a TEE device, such as `/dev/tee0` (`TEEC_InitializeContext`).
    ///
    /// # Errors
    ///
    /// [`Error::Open`]; [`Error::Ioctl`] where it is no TEE device; [`Error::NotGp`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let device = Device::open(path).map_err(|source| Error::Open { path: path.into(), source })?;
        let version = device.version().map_err(|source| Error::Ioctl { ioctl: "TEE_IOC_VERSION", source })?;
        if version.gen_caps & GEN_CAP_GP == 0 {
            return Err(Error::NotGp { path: path.into(), gen_caps: version.gen_caps });
        }
        Ok(Self { device: Arc::new(device), version })
    }

    /// What the TEE is.
    pub fn version(&self) -> VersionData {
        self.version
    }

    /// Opens a session with a TA (`TEEC_OpenSession`).
    ///
    /// # Errors
    ///
    /// [`Error::OpenSession`] with what the TEE or the TA returned; [`Error::Ioctl`] where the kernel
    /// refused the call.
    pub fn open_session(
        &self,
        ta: Uuid,
        login: Login,
        operation: &mut Operation<'_>,
    ) -> Result<Session, Error> {
        let (clnt_login, clnt_uuid) = login.lower();
        let mut arg = OpenSessionArg { uuid: ta.into_bytes(), clnt_uuid, clnt_login, ..Default::default() };
        operation.run(&self.device, self.takes_null(), 0, |cancel_id, params, buffers| {
            arg.cancel_id = cancel_id;
            self.device
                .open_session_with(&mut arg, params, buffers)
                .map_err(|source| Error::Ioctl { ioctl: "TEE_IOC_OPEN_SESSION", source })?;
            match arg.ret {
                code::SUCCESS => Ok(()),
                ret => Err(Error::OpenSession { ta, ret, origin: Origin::from(arg.ret_origin) }),
            }
        })?;
        Ok(Session::new(self.clone(), arg.session))
    }

    /// The device, for what only the ioctls themselves can say.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Whether memrefs without memory are carried.
    pub(crate) fn takes_null(&self) -> bool {
        self.version.gen_caps & GEN_CAP_MEMREF_NULL != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_a_device_is_named() {
        let error = Context::open("/nonexistent/tee0".as_ref()).unwrap_err();
        assert!(error.to_string().starts_with("cannot open /nonexistent/tee0: "), "{error}");
    }

    #[test]
    fn another_device_is_refused() {
        let error = Context::open("/dev/null".as_ref()).unwrap_err();
        assert!(matches!(error, Error::Ioctl { ioctl: "TEE_IOC_VERSION", .. }), "{error}");
    }

    #[test]
    fn logins_have_gps_numbers() {
        assert_eq!(Login::Public.lower(), (0, [0; 16]));
        assert_eq!(Login::GroupApplication(0).lower(), (6, [0; 16]));
        let (login, data) = Login::Group(0x0102_0304).lower();
        assert_eq!((login, &data[..4], &data[4..]), (2, &0x0102_0304_u32.to_ne_bytes()[..], &[0; 12][..]));
    }
}

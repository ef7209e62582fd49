//! The releases of ONNX Runtime that were tried under the encoder, by platform and package, with the hash of the library in them.
//!
//! The hash is of the library, not of the package: wheels for different Pythons carry the same file, and a mirror may repack.
//! The npm package trails the Python one and is five times its size, so it is the last resort.

/// Which package a pin is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Package {
    /// A Python wheel, with the tag of its platform.
    Wheel {
        /// For pip's `--platform`.
        platform: &'static str,
    },
    /// A tarball from npm.
    Npm,
}

/// One library file in one release of one package.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pin {
    pub(super) os: &'static str,
    pub(super) arch: &'static str,
    pub(super) package: Package,
    pub(super) version: &'static str,
    /// Where the library is in the package.
    pub(super) member: &'static str,
    /// What the file is called in the cache.
    pub(super) file: &'static str,
    /// Of the library, unpacked.
    pub(super) sha256: &'static str,
    /// Of the library, unpacked.
    pub(super) bytes: u64,
    /// Of the package as downloaded: what progress is held against.
    pub(super) package_bytes: u64,
}

/// The pins for the machine this was compiled for, in the order to try them. Empty where no release fits.
pub(super) fn for_this_machine() -> Vec<Pin> {
    // A statically linked musl program cannot load a glibc library.
    if cfg!(target_env = "musl") {
        return Vec::new();
    }
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    PINS.iter()
        .filter(|pin| pin.os == os && pin.arch == arch)
        .copied()
        .collect()
}

const WHEEL: &str = "1.31.1";
const NPM: &str = "1.30.0";
const NPM_BYTES: u64 = 113_507_888;

const PINS: [Pin; 6] = [
    Pin {
        os: "linux",
        arch: "x86_64",
        package: Package::Wheel {
            platform: "manylinux_2_28_x86_64",
        },
        version: WHEEL,
        member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
        file: "libonnxruntime.so.1.31.1",
        sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
        bytes: 29_352_200,
        package_bytes: 23_760_988,
    },
    Pin {
        os: "linux",
        arch: "aarch64",
        package: Package::Wheel {
            platform: "manylinux_2_28_aarch64",
        },
        version: WHEEL,
        member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
        file: "libonnxruntime.so.1.31.1",
        sha256: "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
        bytes: 25_265_040,
        package_bytes: 21_420_803,
    },
    Pin {
        os: "macos",
        arch: "aarch64",
        package: Package::Wheel {
            platform: "macosx_14_0_arm64",
        },
        version: WHEEL,
        member: "onnxruntime/capi/libonnxruntime.1.31.1.dylib",
        file: "libonnxruntime.1.31.1.dylib",
        sha256: "d586cbe89effc085a09d3341b3cfbd5c322517f9d397aeb20814af21433f2b36",
        bytes: 33_037_336,
        package_bytes: 20_882_125,
    },
    Pin {
        os: "linux",
        arch: "x86_64",
        package: Package::Npm,
        version: NPM,
        member: "package/bin/napi-v6/linux/x64/libonnxruntime.so.1",
        file: "libonnxruntime.so.1.30.0",
        sha256: "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23",
        bytes: 45_828_512,
        package_bytes: NPM_BYTES,
    },
    Pin {
        os: "linux",
        arch: "aarch64",
        package: Package::Npm,
        version: NPM,
        member: "package/bin/napi-v6/linux/arm64/libonnxruntime.so.1",
        file: "libonnxruntime.so.1.30.0",
        sha256: "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76",
        bytes: 25_135_496,
        package_bytes: NPM_BYTES,
    },
    Pin {
        os: "macos",
        arch: "aarch64",
        package: Package::Npm,
        version: NPM,
        member: "package/bin/napi-v6/darwin/arm64/libonnxruntime.1.30.0.dylib",
        file: "libonnxruntime.1.30.0.dylib",
        sha256: "685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d",
        bytes: 44_589_928,
        package_bytes: NPM_BYTES,
    },
];

export DISTRO_NAME=debian
export DIB_RELEASE=trixie
# diskimage-builder names the tree only in root.d; hooks of later phases outside the chroot need it as well.
export TARGET_ROOT=${TARGET_ROOT:-${TMP_MOUNT_PATH:-}}

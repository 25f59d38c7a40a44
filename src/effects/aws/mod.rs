//! AWS, over the SDK. SDK types never leave this module.

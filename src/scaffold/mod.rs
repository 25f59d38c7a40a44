//! Pure: templates and a typed context become files.

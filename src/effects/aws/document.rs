//! Sends and receives the service's JSON unchanged. The SDK signs, sends and retries requests, but
//! drops every member that it does not know, so the documents bypass its types.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
            },
            dyn_dispatch_hint,
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use serde_json::{Map, Value};

/// Replaces the SDK's request body with this document.
#[derive(Debug)]
pub(super) struct Sent(Vec<u8>);

impl Sent {
    pub(super) fn new(document: Map<String, Value>) -> Self {
        Self(Value::Object(document).to_string().into_bytes())
    }
}

#[dyn_dispatch_hint]
impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "Sent"
    }

    // Runs once, before the first signature.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let length = self.0.len().to_string();
        request.headers_mut().insert("content-length", length);
        *request.body_mut() = SdkBody::from(self.0.clone());
        Ok(())
    }
}

/// Keeps the answer's JSON document.
#[derive(Debug, Clone, Default)]
pub(super) struct Received(Arc<Mutex<Map<String, Value>>>);

impl Received {
    /// Returns the document; empty if the answer was not a JSON object.
    pub(super) fn take(&self) -> Map<String, Value> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[dyn_dispatch_hint]
impl Intercept for Received {
    fn name(&self) -> &'static str {
        "Received"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        let document = serde_json::from_slice(bytes).unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = document;
        Ok(())
    }
}

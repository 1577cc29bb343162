{{- define "gvList" -}}
# API reference

Every kind of Rollcall, field by field, as `kubectl explain` has it too. All kinds are the cluster's: they have no namespace. What people and Git write is in `spec`; what the operator found out is in `status`, and nobody
else writes that. Fields are optional unless they say `Required`. Times are RFC 3339. Examples are in [config/samples](../config/samples).

This page is made of the comments and the markers in `api/v1alpha1`: `make docs` writes it.
{{ range . }}
{{- template "gvDetails" . }}
{{- end }}
## What is refused besides

Besides types, lengths and values: the rules of each kind, with what the API server says to whoever breaks them. They are evaluated when somebody writes, before anything is stored.

<!-- generated: refusals -->
<!-- end: refusals -->
{{ end -}}

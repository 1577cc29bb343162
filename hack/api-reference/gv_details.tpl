{{- define "gvDetails" -}}
{{- $gv := . }}
## {{ $gv.GroupVersionString }}
{{ range $gv.SortedKinds }}
- [{{ . }}](#{{ lower . }})
{{- end }}
{{ range $gv.SortedKinds }}
{{- template "type" ($gv.TypeForKind .) }}
{{- end }}
## What they are made of
{{ range $gv.SortedTypes }}
{{- if not .GVK }}
{{- template "type" . }}
{{- end }}
{{- end }}
{{- end -}}

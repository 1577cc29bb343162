{{- define "rules" -}}
{{- $first := true -}}
{{- range . -}}
{{- if not (hasPrefix "Optional" .) -}}
{{- if not $first }}<br />{{ end }}{{ $first = false -}}
{{- if hasPrefix "Required" . }}Required{{ else }}{{ markdownRenderFieldDoc . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

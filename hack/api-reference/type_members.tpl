{{- define "type_members" -}}
{{- if eq .Name "metadata" -}}
Name, labels, annotations: as of any object.
{{- else -}}
{{ .Doc | trim | replace "\n" " " | markdownRenderFieldDoc }}
{{- end -}}
{{- end -}}

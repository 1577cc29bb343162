{{- define "type" -}}
{{- $type := . }}
{{- if markdownShouldRenderType $type }}

### {{ $type.Name }}

{{ if $type.IsAlias }}Type: {{ markdownRenderTypeLink $type.UnderlyingType }}.{{ if $type.Doc }} {{ end }}{{ end }}{{ $type.Doc }}
{{ $rules := list }}{{ range $type.Validation }}{{ if not (hasPrefix "Enum" .) }}{{ $rules = append $rules . }}{{ end }}{{ end -}}
{{ if $rules }}
Rules: {{ join ", " $rules }}.
{{ end }}
{{- if and $type.References (not $type.GVK) }}
In: {{ range $i, $r := $type.SortedReferences }}{{ if $i }}, {{ end }}{{ markdownRenderTypeLink $r }}{{ end }}.
{{ end }}
{{- if $type.Members }}
| field | meaning | default | rules |
|---|---|---|---|
{{- range $type.Members }}
| `{{ .Name }}`<br />{{ markdownRenderType .Type }} | {{ template "type_members" . }} | {{ if ne .Name "status" }}{{ with .Default }}`{{ . }}`{{ end }}{{ end }} | {{ template "rules" .Validation }} |
{{- end }}
{{ end }}
{{- if $type.EnumValues }}
| value | meaning |
|---|---|
{{- range $type.EnumValues }}
| `{{ .Name }}` | {{ .Doc | trim | replace "\n" " " | markdownRenderFieldDoc }} |
{{- end }}
{{ end }}
{{- end }}
{{- end -}}

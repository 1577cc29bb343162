{{/* Labels of everything. One of them names the chart, whose version may have a +, which labels must not. */}}
{{- define "rollcall.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: rollcall
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* By which Services and the Deployment find Pods: as in config/manager, and not to be changed later. */}}
{{- define "rollcall.selector" -}}
app.kubernetes.io/name: rollcall
{{- end }}

{{/*
The objects of a file that make chart has copied from config, as this release has them: in its namespace, with its labels.
root: the chart's context. path: of the file. labels, annotations: further ones. rules: of ClusterRole rollcall-bindable-roles.
*/}}
{{- define "rollcall.objects" -}}
{{- $namespace := printf "namespace: %s" .root.Release.Namespace }}
{{- range .root.Files.Get .path | replace "namespace: rollcall-system" $namespace | splitList "\n---\n" }}
{{- $object := fromYaml . }}
{{- if hasKey $object "Error" }}
{{- fail (printf "%s: %s" $.path $object.Error) }}
{{- end }}
{{- if $object }}
{{- $_ := set $object.metadata "labels" (merge (include "rollcall.labels" $.root | fromYaml) ($.labels | default dict) ($object.metadata.labels | default dict)) }}
{{- with $.annotations }}
{{- $_ := set $object.metadata "annotations" (merge (deepCopy .) ($object.metadata.annotations | default dict)) }}
{{- end }}
{{- if and (eq $object.kind "ClusterRole") (eq $object.metadata.name "rollcall-bindable-roles") }}
{{- $_ := set $object "rules" $.rules }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether something is on one replica's disk, which no second one may have: a word, or nothing. */}}
{{- define "rollcall.alone" -}}
{{- if .Values.audit.enabled }}
{{- if eq .Values.audit.store "sqlite" }}sqlite{{ else if .Values.audit.ledger.enabled }}ledger{{ end }}
{{- end }}
{{- end }}

{{- define "rollcall.replicas" -}}
{{- if kindIs "invalid" .Values.replicas }}{{ ternary 1 2 (ne (include "rollcall.alone" .) "") }}{{ else }}{{ .Values.replicas }}{{ end }}
{{- end }}

{{- define "rollcall.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Where API servers reach the webhook, and where they and auditors reach the audit service. */}}
{{- define "rollcall.authorizationURL" -}}
{{- $name := printf "rollcall.%s.svc" .Release.Namespace }}
{{- .Values.authorization.url | default (printf "https://%s:9444" (include "rollcall.host" (.Values.service.clusterIP | default $name))) }}
{{- end }}

{{- define "rollcall.auditURL" -}}
{{- .Values.audit.url | default (printf "https://%s:9445" (include "rollcall.host" .Values.audit.service.clusterIP)) }}
{{- end }}

{{/* A name or an address, as a URL has it. */}}
{{- define "rollcall.host" -}}
{{- if contains ":" . }}[{{ . }}]{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* The names in the certificate: those that the urls have, what was asked for, and the Services'. */}}
{{- define "rollcall.servingNames" -}}
{{- $urls := list }}
{{- $services := list }}
{{- if .Values.login.enabled }}
{{- $urls = append $urls .Values.login.url }}
{{- end }}
{{- if .Values.authorization.enabled }}
{{- $urls = append $urls (include "rollcall.authorizationURL" .) }}
{{- end }}
{{- if or .Values.login.enabled .Values.authorization.enabled }}
{{- $services = append $services (printf "rollcall.%s.svc" .Release.Namespace) }}
{{- end }}
{{- if .Values.audit.enabled }}
{{- $urls = append $urls (include "rollcall.auditURL" .) }}
{{- $services = append $services (printf "rollcall-audit.%s.svc" .Release.Namespace) }}
{{- end }}
{{- $names := list }}
{{- range $urls }}
{{- $names = append $names ((urlParse .).host | regexFind "^(\\[[^]]*\\]|[^:]*)" | trimAll "[]") }}
{{- end }}
{{- concat $names .Values.serving.names $services | uniq | join "," }}
{{- end }}

{{/* What values.schema.json cannot say: combinations that would not work, all at once, and what to do. */}}
{{- define "rollcall.checks" -}}
{{- $wrong := list }}
{{- $alone := include "rollcall.alone" . }}
{{- if and $alone (gt (include "rollcall.replicas" . | int) 1) }}
{{- if eq $alone "sqlite" }}
{{- $wrong = append $wrong (printf "replicas is %v, and audit.store is sqlite, a file that one replica alone writes: leave replicas out, or set audit.store to postgres://..." .Values.replicas) }}
{{- else }}
{{- $wrong = append $wrong (printf "replicas is %v, and audit.ledger is enabled, which one replica alone writes: leave replicas out" .Values.replicas) }}
{{- end }}
{{- end }}
{{- if and .Values.login.enabled (not .Values.login.url) }}
{{- $wrong = append $wrong "login.enabled needs login.url, where people reach the login service: https://login.example.com" }}
{{- end }}
{{- if and .Values.login.enabled (not .Values.cluster.server) }}
{{- $wrong = append $wrong "login.enabled needs cluster.server, where people reach the API server: https://api.example.com:6443" }}
{{- end }}
{{- if .Values.audit.enabled }}
{{- if not (or .Values.audit.url .Values.audit.service.clusterIP) }}
{{- $wrong = append $wrong "audit.enabled needs audit.url or audit.service.clusterIP, where API servers reach it: they know no names of Services" }}
{{- end }}
{{- if and (ne .Values.audit.store "sqlite") (regexMatch "^postgres(ql)?://[^/@]*:[^/@]*@|[?&](password|sslpassword)=" .Values.audit.store) }}
{{- $wrong = append $wrong "audit.store has a password in it, which everybody can read who may see the Deployment: set audit.passwordSecret" }}
{{- end }}
{{- if and .Values.audit.ledger.checkpoints (not .Values.audit.ledger.enabled) }}
{{- $wrong = append $wrong "audit.ledger.checkpoints is set, and audit.ledger.enabled is not: there is no ledger that has any" }}
{{- end }}
{{- else if .Values.audit.ledger.enabled }}
{{- $wrong = append $wrong "audit.ledger.enabled needs audit.enabled: the ledger is written from what the audit service records" }}
{{- else if .Values.audit.ocsf }}
{{- $wrong = append $wrong "audit.ocsf needs audit.enabled: events are made of what the audit service records" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.enabled) }}
{{- $wrong = append $wrong "metrics.serviceMonitor.enabled needs metrics.enabled: there is nothing to read" }}
{{- end }}
{{- $flags := include "rollcall.flags" . | fromYaml }}
{{- range .Values.extraArgs }}
{{- $flag := regexFind "^-+[^=]*" . | trimPrefix "-" | trimPrefix "-" }}
{{- with get $flags $flag }}
{{- $wrong = append $wrong (printf "extraArgs has --%s, which is the chart's to set: %s" $flag .) }}
{{- end }}
{{- end }}
{{- with $wrong }}
{{- fail (printf "\n\n  - %s\n" (join "\n  - " .)) }}
{{- end }}
{{- end }}

{{/* The flags that the chart sets, and by which value. */}}
{{- define "rollcall.flags" -}}
leader-elect: it always does
namespace: it is the release's
health-probe-bind-address: the probes ask there
kubeconfig: the operator runs in the cluster
metrics-bind-address: set metrics.enabled
signer: set signer
cluster-server: set cluster.server
login-bind-address: set login.enabled
login-url: set login.url
authorization-bind-address: set authorization.enabled
authorization-url: set authorization.url
serving-names: set serving.names
serving-secret: set serving.secret
audit-bind-address: set audit.enabled
audit-url: set audit.url
audit-store: set audit.store
audit-retention: set audit.retention
audit-size: set audit.size
unused-after: set audit.unusedAfter
ocsf: set audit.ocsf
ledger-dir: set audit.ledger.enabled
ledger-checkpoints: set audit.ledger.checkpoints
{{- end }}

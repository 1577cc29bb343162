{{/* The manager's flags. What is as the manager has it by itself is left out. */}}
{{- define "rollcall.args" -}}
{{- $v := .Values }}
{{- $args := list "--leader-elect" (printf "--namespace=%s" .Release.Namespace) "--health-probe-bind-address=:8081" }}
{{- if $v.metrics.enabled }}
{{- $args = append $args "--metrics-bind-address=:8080" }}
{{- end }}
{{- if eq $v.signer "ca" }}
{{- $args = append $args "--signer=ca" }}
{{- end }}
{{- with $v.cluster.server }}
{{- $args = append $args (printf "--cluster-server=%s" .) }}
{{- end }}
{{- if $v.login.enabled }}
{{- $args = concat $args (list "--login-bind-address=:8443" (printf "--login-url=%s" $v.login.url)) }}
{{- end }}
{{- if $v.authorization.enabled }}
{{- $args = concat $args (list "--authorization-bind-address=:9444" (printf "--authorization-url=%s" (include "rollcall.authorizationURL" .))) }}
{{- end }}
{{- if $v.serving.secret }}
{{- $args = append $args (printf "--serving-secret=%s" $v.serving.secret) }}
{{- else if or $v.login.enabled $v.authorization.enabled $v.audit.enabled }}
{{- $args = append $args (printf "--serving-names=%s" (include "rollcall.servingNames" .)) }}
{{- end }}
{{- if $v.audit.enabled }}
{{- $args = concat $args (include "rollcall.auditArgs" . | fromYamlArray) }}
{{- end }}
{{- concat $args $v.extraArgs | toYaml }}
{{- end }}

{{- define "rollcall.auditArgs" -}}
{{- $audit := .Values.audit }}
{{- $store := ternary "sqlite:/var/lib/rollcall/audit.db" $audit.store (eq $audit.store "sqlite") }}
{{- $args := list "--audit-bind-address=:9445" (printf "--audit-url=%s" (include "rollcall.auditURL" .)) (printf "--audit-store=%s" $store) }}
{{- with $audit.retention }}
{{- $args = append $args (printf "--audit-retention=%s" .) }}
{{- end }}
{{- with $audit.size }}
{{- $args = append $args (printf "--audit-size=%s" .) }}
{{- end }}
{{- with $audit.unusedAfter }}
{{- $args = append $args (printf "--unused-after=%s" .) }}
{{- end }}
{{- if $audit.ledger.enabled }}
{{- $args = append $args "--ledger-dir=/var/lib/rollcall-ledger/ledger" }}
{{- end }}
{{- with $audit.ledger.checkpoints }}
{{- $args = append $args (printf "--ledger-checkpoints=%s" .) }}
{{- end }}
{{- with $audit.ocsf }}
{{- $args = append $args (printf "--ocsf=%s" .) }}
{{- end }}
{{- toYaml $args }}
{{- end }}

{{- define "earmark.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "earmark.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "earmark.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "earmark.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "earmark.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Selectors are immutable: no version here. */}}
{{- define "earmark.selectorLabels" -}}
app.kubernetes.io/name: {{ include "earmark.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "earmark.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "earmark.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "earmark.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "earmark.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* earmark.image: (dict "root" $ "own" overrides) */}}
{{- define "earmark.image" -}}
{{- $own := .own | default dict -}}
{{- $image := deepCopy .root.Values.image -}}
{{- if $own.repository }}{{ $image = omit $image "digest" }}{{ end -}}
{{- $image = mergeOverwrite $image $own -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "earmark.pullPolicy" -}}
{{- (mergeOverwrite (deepCopy .root.Values.image) (.own | default dict)).pullPolicy -}}
{{- end -}}

{{/* One setting as text: numbers that YAML read as floats must not become 1.2e+06. */}}
{{- define "earmark.value" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{/* What a container has in the environment beside the ConfigMap: secrets and its own settings.
     (dict "root" $ "name" process "settings" own settings "extra" further variables
     "user" the Secret of its own Kafka user) */}}
{{- define "earmark.env" -}}
{{- $values := .root.Values -}}
{{- $facts := .root.Files.Get "files/processes.json" | fromJson }}
{{- $secrets := list "ledger" "index" }}
{{- if .name }}
{{- $secrets = (index $facts .name).secrets }}
{{- end }}
{{- if and $values.ledger.existingSecret (has "ledger" $secrets) }}
- name: EARMARK_LEDGER
  valueFrom:
    secretKeyRef:
      name: {{ $values.ledger.existingSecret }}
      key: {{ $values.ledger.key }}
{{- end }}
{{- if and (eq .name "console") $values.ledger.auditSecret }}
- name: EARMARK_AUDIT_KEY
  valueFrom:
    secretKeyRef:
      name: {{ $values.ledger.auditSecret }}
      key: {{ $values.ledger.auditKey }}
{{- end }}
{{- if and (eq .name "console") $values.console.linkSecret }}
- name: EARMARK_LINK_KEY
  valueFrom:
    secretKeyRef:
      name: {{ $values.console.linkSecret }}
      key: {{ $values.console.linkKey }}
{{- end }}
{{- if and (eq .name "console") $values.console.smtp.username }}
- name: EARMARK_SMTP_USERNAME
  value: {{ $values.console.smtp.username | quote }}
- name: EARMARK_SMTP_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ required "console.smtp.existingSecret is needed with console.smtp.username" $values.console.smtp.existingSecret }}
      key: {{ $values.console.smtp.key }}
{{- end }}
{{- $index := $values.index.existingSecret | default $values.ledger.existingSecret }}
{{- if and $index (has "index" $secrets) (not $values.settings.index) }}
- name: EARMARK_INDEX
  valueFrom:
    secretKeyRef:
      name: {{ $index }}
      key: {{ ternary $values.index.key $values.ledger.key (ne $values.index.existingSecret "") }}
{{- end }}
{{- if hasPrefix "SASL" $values.kafka.securityProtocol }}
- name: EARMARK_SASL_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ required "kafka.sasl.existingSecret is needed with SASL" (.user | default $values.kafka.sasl.existingSecret) }}
      key: {{ $values.kafka.sasl.usernameKey }}
{{- end }}
{{- if and (eq .name "console") $values.console.oidc.issuer }}
- name: EARMARK_OIDC_ISSUER
  value: {{ $values.console.oidc.issuer | quote }}
- name: EARMARK_OIDC_CLIENT_ID
  value: {{ $values.console.oidc.clientId | quote }}
- name: EARMARK_OIDC_CLIENT_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ required "console.oidc.existingSecret is needed with console.oidc.issuer" $values.console.oidc.existingSecret }}
      key: {{ $values.console.oidc.key }}
{{- end }}
{{- range $name, $value := .settings }}
- name: EARMARK_{{ upper $name }}
  value: {{ include "earmark.value" $value | quote }}
{{- end }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where a rule of egress leads that does not say: to every pod (for network plugins whose blocks
     of addresses mean the world outside alone), and everywhere else but to networkPolicy.except. */}}
{{- define "earmark.everywhere" -}}
- namespaceSelector: {}
{{- range $cidr := list "0.0.0.0/0" "::/0" }}
- ipBlock:
    cidr: {{ $cidr | quote }}
    {{- $except := list }}
    {{- range $.Values.networkPolicy.except }}
    {{- if eq (contains ":" .) (contains ":" $cidr) }}
    {{- $except = append $except . }}
    {{- end }}
    {{- end }}
    {{- with $except }}
    except:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "user" the Secret of its own Kafka user) */}}
{{- define "earmark.volumes" -}}
{{- $values := .root.Values -}}
- name: state
{{- if $values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ $values.persistence.existingClaim | default (printf "%s-artefacts" (include "earmark.fullname" .root)) }}
{{- else }}
  emptyDir: {}
{{- end }}
{{- if hasPrefix "SASL" $values.kafka.securityProtocol }}
- name: kafka-password
  secret:
    secretName: {{ .user | default $values.kafka.sasl.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ $values.kafka.sasl.passwordKey }}
        path: password
{{- end }}
{{- if and (hasSuffix "SSL" $values.kafka.securityProtocol) $values.kafka.tls.existingSecret }}
- name: kafka-tls
  secret:
    secretName: {{ $values.kafka.tls.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- if or $values.policy.content $values.policy.existingConfigMap }}
- name: policy
  configMap:
    name: {{ $values.policy.existingConfigMap | default (printf "%s-policy" (include "earmark.fullname" .root)) }}
{{- end }}
{{- end -}}

{{- define "earmark.mounts" -}}
{{- $values := .Values -}}
- name: state
  mountPath: /var/lib/earmark
- name: tmp
  mountPath: /tmp
{{- if hasPrefix "SASL" $values.kafka.securityProtocol }}
- name: kafka-password
  mountPath: /etc/earmark/kafka-password
  readOnly: true
{{- end }}
{{- if and (hasSuffix "SSL" $values.kafka.securityProtocol) $values.kafka.tls.existingSecret }}
- name: kafka-tls
  mountPath: /etc/earmark/kafka-tls
  readOnly: true
{{- end }}
{{- if or $values.policy.content $values.policy.existingConfigMap }}
- name: policy
  mountPath: /etc/earmark/policy
  readOnly: true
{{- end }}
{{- end -}}

{{/* A process with everything that it has in common with the others.
     (dict "root" $ "name" name "own" .Values.processors.name) -> YAML */}}
{{- define "earmark.process" -}}
{{- mergeOverwrite (deepCopy .root.Values.common) (deepCopy (.own | default dict)) | toYaml -}}
{{- end -}}

{{- define "earmark.maxReplicas" -}}
{{- $partitions := int .root.Values.settings.partitions -}}
{{- $most := int (.process.autoscaling.maxReplicas | default $partitions) -}}
{{- if gt $most $partitions -}}
{{- fail (printf "processors.%s.autoscaling.maxReplicas is %d, but settings.partitions is %d: the others would idle" .name $most $partitions) -}}
{{- end -}}
{{- $most -}}
{{- end -}}

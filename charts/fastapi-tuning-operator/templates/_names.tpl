{{/* Name of every object: the release name, with the chart's unless it is in there already. */}}
{{- define "operator.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "operator.name" .) }}
{{- else -}}
{{ required "serviceAccount.name must be set when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{- define "operator.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* "true" where the webhook is served. */}}
{{- define "operator.webhook" -}}
{{- if and .Values.live.enabled .Values.webhook.enabled -}}true{{- end -}}
{{- end }}

{{/* Secret that holds the webhook's certificate. */}}
{{- define "operator.webhookSecret" -}}
{{- if eq .Values.webhook.certificates "Given" -}}
{{ required "webhook.given.secretName must be set when webhook.certificates is Given" .Values.webhook.given.secretName }}
{{- else -}}
{{ include "operator.name" . | trunc 55 | trimSuffix "-" }}-webhook
{{- end -}}
{{- end }}

{{/* Lease that says which replica acts. */}}
{{- define "operator.lease" -}}
{{ include "operator.name" . | trunc 56 | trimSuffix "-" }}-leader
{{- end }}

{{/* Labels that never change: a Deployment's selector is immutable. */}}
{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "operator.labels" -}}
{{ include "operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

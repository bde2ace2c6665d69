{{/* Name of the chart, cut to what a label takes. */}}
{{- define "poseline.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Prefix of every object's name; short enough that a suffix still fits. */}}
{{- define "poseline.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "poseline.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of an object: (list root component). */}}
{{- define "poseline.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: poseline
{{ include "poseline.selector" . }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels that tell one component's pods: (list root component). */}}
{{- define "poseline.selector" -}}
app.kubernetes.io/name: {{ include "poseline.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Reference of an image: (list root image). */}}
{{- define "poseline.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What the restricted Pod Security standard asks of a pod. */}}
{{- define "poseline.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What the restricted Pod Security standard asks of a container, and a read-only root. */}}
{{- define "poseline.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "poseline.serviceAccount" -}}
{{- ternary (default (include "poseline.fullname" .) .Values.serviceAccount.name) (default "default" .Values.serviceAccount.name) .Values.serviceAccount.create -}}
{{- end -}}

{{/* The one place that says where MLflow is. */}}
{{- define "poseline.mlflowUri" -}}
{{- if .Values.mlflow.embedded.enabled -}}
{{- printf "http://%s-mlflow.%s.svc:5000" (include "poseline.fullname" .) .Release.Namespace -}}
{{- else -}}
{{- .Values.mlflow.trackingUri -}}
{{- end -}}
{{- end -}}

{{/* The one place that says where S3 is, and with which secret. */}}
{{- define "poseline.s3Endpoint" -}}
{{- if .Values.objectStore.embedded.enabled -}}
{{- printf "http://%s-s3.%s.svc:8333" (include "poseline.fullname" .) .Release.Namespace -}}
{{- else -}}
{{- .Values.objectStore.endpoint -}}
{{- end -}}
{{- end -}}

{{- define "poseline.s3Secret" -}}
{{- if and .Values.objectStore.embedded.enabled (not .Values.objectStore.secretName) -}}
{{- printf "%s-s3" (include "poseline.fullname" .) -}}
{{- else -}}
{{- .Values.objectStore.secretName -}}
{{- end -}}
{{- end -}}

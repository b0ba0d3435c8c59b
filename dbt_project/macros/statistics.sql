{# The scores of a conversation, as the columns of `conversation_scores`; 0..1 except the last, which is 0..100. #}
{% macro score_columns() -%}
    {{ return([
        'completeness_score', 'required_completeness', 'safety_completeness', 'confidence_score', 'patient_info_score',
        'medical_history_score', 'assessment_score', 'treatment_score', 'evidence_coverage', 'number_faithfulness',
        'transcription_quality_score', 'information_density_score', 'communication_score', 'safety_score',
        'overall_score',
    ]) }}
{%- endmacro %}

{#
    Half the width of the 95 % confidence interval of a mean: t(0.975, n - 1) * s / sqrt(n).

    Postgres has no t quantile, so it is expanded around the normal one, z = 1.959964; from 9 degrees of freedom on it
    is right to 0.0003. Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
#}
{% macro mean_margin(value) -%}
    (
        1.959964
        + 2.372271 / nullif(count({{ value }}) - 1, 0)
        + 2.822499 / nullif(count({{ value }}) - 1, 0) ^ 2
        + 2.555852 / nullif(count({{ value }}) - 1, 0) ^ 3
    ) * stddev_samp({{ value }}) / sqrt(count({{ value }}))
{%- endmacro %}

{# A ratio of two counts or sums; null where there is nothing to divide by. #}
{% macro ratio(part, whole) -%}
    ({{ part }})::double precision / nullif(({{ whole }})::double precision, 0)
{%- endmacro %}

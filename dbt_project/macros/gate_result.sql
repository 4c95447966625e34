{#-
  What a gate's test returns: a row for each failure (its submission, physical row and column, never a value),
  and one row that says how many rows were evaluated. `judged` is a relation with _submission, _row, "column"
  and the boolean `holds`. A rule that evaluated nothing is told apart from one that passed.
-#}
{% macro gate_result(judged) %}
select _submission, _row, "column", null::bigint as evaluated from {{ judged }} where not holds
union all
select null, null, null, count(*) from {{ judged }}
{% endmacro %}

{#- What a test stores lies in the run's own schema, from where it is read, and is dropped with it. -#}
{% macro gate_config() %}
{{ config(
    severity='error', fail_calc='count(_row)', store_failures=true, store_failures_as='table',
    schema=env_var('INTEGRITY_CANDIDATE_SCHEMA', 'published'),
) }}
{% endmacro %}

//! `hydra model normal`: what is normal, from Goods alone, here or by a `train` role.

use crate::{
    cli::NormalArgs,
    commands::{
        catalog::by,
        train::{file, trainer},
    },
    config::Config,
};
use hydra_proto::{ContentHash, ModelDigest, PlotTypeName, events::TrainingWanted};
use hydra_store::Database;
use hydra_train::job::NormalRecipe;

/// Makes the models, or files the job.
///
/// # Errors
/// Why there is no model.
pub async fn normal(
    args: NormalArgs,
    parent: Option<ModelDigest>,
    config: &Config,
    database: &Database,
) -> anyhow::Result<()> {
    let recipe =
        NormalRecipe { false_alarm_rate: args.false_alarms, parent, ..NormalRecipe::default() };
    anyhow::ensure!(
        (1e-6..0.5).contains(&recipe.false_alarm_rate),
        "--false-alarms is a share of Good plots, from 0.000001 to 0.5"
    );
    let names: Vec<PlotTypeName> =
        args.plot_type.iter().map(|name| name.trim().parse()).collect::<Result<_, _>>()?;
    let recipe_json = serde_json::to_string(&recipe)?;
    let id = ContentHash::of(format!("{names:?} {recipe_json}").as_bytes()).to_string();
    let by = by(args.why);
    if args.file {
        let plot_types = names.iter().map(ToString::to_string).collect();
        let wanted =
            TrainingWanted { job_id: id, plot_types, recipe_json, who: by.who, why: by.why };
        return file(wanted, config).await;
    }
    let trainer = trainer(config, database).await?;
    for made in trainer.normal(&id, &names, &recipe, args.candidate, &by).await? {
        let figures = &made.figures;
        println!("{}: model {}", made.plot_type, made.digest);
        match figures.learnt_from {
            0 => println!("  what is normal, from {} Goods", figures.training["images"]),
            count => println!("  new conditions learnt from {count} Goods"),
        }
        println!("  one Good in {:.0} may be called novel", 1.0 / figures.false_alarm_rate);
        match figures.goods {
            0 => println!("  how often it does is not known: Goods of ten runs or more are needed"),
            goods => {
                println!("  of {goods} Goods of other runs it calls {} so", figures.goods_novel)
            }
        }
        if figures.others > 0 {
            println!("  of {} others it calls {} novel", figures.others, figures.others_novel);
        }
        let digest = &made.digest.to_string()[..12];
        println!("  released by: hydra model activate {digest} --why ...");
    }
    Ok(())
}
